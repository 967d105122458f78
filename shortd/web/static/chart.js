/* Charts read out: hovering or the arrow keys move a band over the bars and say the day; dragging
   over bars asks for these days. Without this script there is the table. */

import "./names.js";
import { word, words } from "./words.js";

const lang = document.documentElement.lang;
const DAY = 86400000;

function charts(root) {
  for (const plot of root.querySelectorAll("[data-plot]")) read(plot);
}

charts(document);
document.addEventListener("swapped", (event) => charts(event.target));

function read(plot) {
  const area = plot.querySelector(".area");
  const band = area.querySelector(".band");
  const bars = [...area.querySelectorAll(".bars > g")];
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  const said = Object.assign(document.createElement("b"), { className: "num" });
  const beside = document.createElement("span");
  tip.append(said, beside);
  area.append(tip);
  area.tabIndex = 0;
  area.setAttribute("role", "img");
  area.setAttribute("aria-label", word("Chart. Arrow keys read it out."));
  let at = -1;
  let from = null;

  function show(place) {
    at = Math.max(0, Math.min(bars.length - 1, place));
    const bar = bars[at].dataset;
    const [low, high] = from === null ? [at, at] : [Math.min(from, at), Math.max(from, at)];
    band.setAttribute("x", low * 10);
    band.setAttribute("width", (high - low + 1) * 10);
    band.setAttribute("visibility", "visible");
    said.textContent = words("{n} click", "{n} clicks", Number(bar.count));
    const before = bar.before ? ` · ${word("{n} before").replace("{n}", Number(bar.before).toLocaleString(lang))}` : "";
    beside.textContent = days(bar) + before;
    tip.style.left = `${Math.max(8, Math.min(92, ((at + 0.5) * 100) / bars.length))}%`;
    tip.hidden = false;
    area.setAttribute("aria-label", `${said.textContent}, ${beside.textContent}`);
  }
  const hide = () => {
    tip.hidden = true;
    band.setAttribute("visibility", "hidden");
    from = null;
  };
  const place = (event) => {
    const box = area.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * bars.length);
  };

  area.addEventListener("pointermove", (event) => show(place(event)));
  area.addEventListener("pointerleave", hide);
  area.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") return;
    from = Math.max(0, Math.min(bars.length - 1, place(event)));
    event.preventDefault();
    area.focus();
  });
  area.addEventListener("pointerup", () => {
    if (from === null || from === at) return void (from = null);
    const [low, high] = from < at ? [from, at] : [at, from];
    choose(plot, bars[low].dataset.first, bars[high].dataset.last);
  });
  area.addEventListener("blur", hide);
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at < 0 ? bars.length - 1 : at + step);
  });
}

function days({ first, last }) {
  const spoken = new Intl.DateTimeFormat(lang, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  return first === last ? spoken.format(first * DAY) : spoken.formatRange(first * DAY, last * DAY);
}

function choose(plot, first, last) {
  const address = new URL(location.href);
  address.pathname = plot.dataset.plot;
  address.searchParams.delete("days");
  address.searchParams.set("from", new Date(first * DAY).toISOString().slice(0, 10));
  address.searchParams.set("to", new Date(last * DAY).toISOString().slice(0, 10));
  location.assign(address);
}
