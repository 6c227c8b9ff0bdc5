// An answer as it is written: the job's own stream of events fills its place on the page, token by token.
const told = new WeakSet();
begin();
document.addEventListener("patched", begin);

function begin() {
  const place = document.querySelector("[data-story]");
  if (!place || told.has(place) || !globalThis.EventSource) return;
  told.add(place);
  tell(place);
}

function tell(place) {
  const source = new EventSource(place.dataset.story);
  const tokens = new Map();
  const show = () => {
    place.textContent = [...tokens.values()].join("");
    place.classList.remove("quiet");
  };
  source.addEventListener("claimed", () => { if (!tokens.size) place.textContent = "A worker is at it"; });
  source.addEventListener("token", (event) => {
    tokens.set(event.lastEventId || tokens.size, JSON.parse(event.data).text);
    show();
  });
  source.addEventListener("retract", (event) => {
    const { events } = JSON.parse(event.data);
    if (events === "all") tokens.clear();
    else for (const number of events) forget(tokens, number);
    show();
  });
  const end = () => { source.close(); told.delete(place); };
  for (const name of ["answered", "indexed", "failed", "dropped"]) source.addEventListener(name, end);
}

function forget(tokens, number) {
  for (const id of tokens.keys()) if (String(id).endsWith(`-${number}`)) tokens.delete(id);
}
