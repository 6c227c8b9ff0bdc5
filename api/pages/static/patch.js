// A page's parts made equal to newer ones, element by element: what is the same is not touched, so nothing flickers,
// boxes stay where they are, and what has the focus keeps it. What another script fills is left to it.
export function patch(old, fresh) {
  patchAttributes(old, fresh);
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((node, i) => patchNode(old, before[i], node));
  before.slice(after.length).forEach((node) => node.remove());
}

function patchNode(parent, old, fresh) {
  if (!old) return parent.append(document.importNode(fresh, true));
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    return old.replaceWith(document.importNode(fresh, true));
  }
  if (old.nodeType === Node.ELEMENT_NODE) {
    const isOwn = ["story", "verify"].some((name) => name in old.dataset && name in fresh.dataset);
    return isOwn || old.isEqualNode(fresh) ? undefined : patch(old, fresh);
  }
  if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
}

function patchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
