// News of the index: the server says that something changed, the page's live parts are read again and made equal.
// What is shown is always what the server would render now, so a reorganisation needs no undoing here.
import { localise } from "./times.js";
import { patch } from "./patch.js";

const PAUSE_MS = 400, RETRY_MS = 3000;
const policy = globalThis.trustedTypes?.createPolicy("tallystick", { createHTML: (text) => text });

let pending = false, reading = false, readAt = 0, isPaused = false;

export function follow(tell) {
  const topics = document.body.dataset.live;
  if (!topics || !globalThis.EventSource) return;
  const source = new EventSource(`/explorer/v1/live?topics=${encodeURIComponent(topics)}`);
  const news = (event) => {
    document.documentElement.dataset.link = "up";
    if (event.type === "retract" && JSON.parse(event.data).reason === "reorganised") tell("The chain took back a part of this: the page shows what stands now");
    soon();
  };
  for (const name of ["put", "retract", "head", "reset"]) source.addEventListener(name, news);
  source.addEventListener("open", () => { document.documentElement.dataset.link = "up"; });
  source.addEventListener("error", () => { document.documentElement.dataset.link = "down"; });
  document.addEventListener("visibilitychange", () => pending && soon());
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-switch]");
    if (button) pause(button);
  });
}

function pause(button) {
  isPaused = !isPaused;
  button.setAttribute("aria-pressed", String(!isPaused));
  button.textContent = isPaused ? "paused" : "live";
  if (!isPaused && pending) soon();
}

function soon() {
  pending = true;
  if (reading || isPaused || document.hidden) return;
  reading = true;
  setTimeout(refresh, Math.max(0, readAt + PAUSE_MS - Date.now()));
}

async function refresh() {
  pending = false;
  readAt = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) show(await answer.text());
  } catch {
    setTimeout(soon, RETRY_MS);
  }
  reading = false;
  if (pending) soon();
}

function show(html) {
  const fresh = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  localise(fresh);
  for (const part of document.querySelectorAll("[data-live-region]")) {
    const newer = fresh.getElementById(part.id);
    if (!newer) continue;
    if (isHeld(part)) part.addEventListener("mouseleave", soon, { once: true });
    else update(part, newer);
  }
  document.dispatchEvent(new Event("patched"));
}

// Nothing moves under the pointer, the focus or a selection of whoever is about to use it.
function isHeld(part) {
  const selection = getSelection();
  const isSelected = !selection.isCollapsed && part.contains(selection.anchorNode);
  const isUsed = part.matches(":hover") || part.contains(document.activeElement);
  return isSelected || (isUsed && part.dataset.liveRegion === "list");
}

function update(part, newer) {
  const known = new Set(keys(part));
  patch(part, newer);
  for (const element of part.querySelectorAll("[data-key]")) {
    if (!known.has(element.dataset.key)) flash(element);
  }
}

function keys(part) {
  return [...part.querySelectorAll("[data-key]")].map((element) => element.dataset.key);
}

function flash(element) {
  element.classList.remove("fresh");
  void element.offsetWidth;
  element.classList.add("fresh");
}
