// The verifier is loaded beside a receipt that can be checked, also one that was verified while its job was watched.
const mounted = new WeakSet();
begin();
document.addEventListener("patched", begin);

async function begin() {
  const sections = [...document.querySelectorAll("section[data-verify]")].filter((each) => !mounted.has(each));
  if (!sections.length) return;
  sections.forEach((each) => mounted.add(each));
  const { mount } = await import("./verify.js");
  for (const each of sections) if (!each.querySelector("form")) mount(each);
}
