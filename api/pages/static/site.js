// What every page can do once it is read: local times, copying, the search key, the theme, and news as they come.
import { follow } from "./live.js";
import { localise, keepAges } from "./times.js";

const root = document.documentElement;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) return copy(button);
  if (event.target.closest("[data-theme-switch]")) switchTheme();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.querySelector("#q").select();
  document.querySelector("#q").focus();
});

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    tell("Copied");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  } catch {
    tell("The browser does not allow copying here");
  }
}

function switchTheme() {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Without storage the choice holds for this page alone.
  }
}

let quietening;
export function tell(text) {
  const toast = document.querySelector("[data-toast]");
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(quietening);
  quietening = setTimeout(() => toast.classList.remove("shown"), 2500);
}

localise(document);
keepAges();
follow(tell);
