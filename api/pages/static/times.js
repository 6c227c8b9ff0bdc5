// Times as the server wrote them, in UTC, become the reader's own: full ones in their zone, ages kept true.
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const full = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});

function lasting(seconds) {
  if (seconds < 2 * MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < 2 * HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

function age(seconds) {
  if (seconds < 0) return `in ${lasting(-seconds)}`;
  return seconds < 1 ? "just now" : `${lasting(seconds)} ago`;
}

export function localise(part) {
  for (const each of part.querySelectorAll("time[datetime]")) {
    const shown = full.format(new Date(each.dateTime));
    each.title = "ago" in each.dataset ? shown : each.dateTime;
    if ("moment" in each.dataset) each.textContent = shown;
  }
}

function write(each, text) {
  each.textContent = text.replace(/ ago$/, "");
  if (text.endsWith(" ago")) each.append(Object.assign(document.createElement("span"), { className: "ago", textContent: " ago" }));
}

export function keepAges() {
  const keep = () => {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("time[data-ago]")) {
      const text = age((Date.now() - new Date(each.dateTime)) / 1000);
      if (each.textContent !== text) write(each, text);
    }
  };
  keep();
  setInterval(keep, 1000);
  document.addEventListener("visibilitychange", keep);
}
