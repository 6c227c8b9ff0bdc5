// Runs before the first paint: the reader's own choice of light or dark, and whether there is script at all.
const root = document.documentElement;
root.classList.add("scripted");
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: the system's choice holds.
}
