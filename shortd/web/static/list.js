/* The list of links: search while typing, keys for rows, selecting runs of them, counts that move.

   Everything here also works by the page's own forms and links; this module only makes it faster. */

import { copy } from "./copy.js";
import { bind } from "./keys.js";
import { follow } from "./live.js";
import { swap } from "./swap.js";
import { hear } from "./say.js";
import { number, words } from "./words.js";

const TYPED = 250;
const find = document.getElementById("find");
let timer;
let turn = Promise.resolve();
let last;

const list = () => document.getElementById("list");
const rows = () => [...list().querySelectorAll("[data-link]")];
const boxes = () => [...list().querySelectorAll(".row > .cb")];
const current = () => document.activeElement?.closest?.("[data-link]");

/* Search */

find.addEventListener("input", (event) => {
  clearTimeout(timer);
  // One after the other: an answer that came late would stand in place of a later one's.
  timer = setTimeout(() => (turn = turn.then(search)), event.target.id === "q" ? TYPED : 0);
});

async function search() {
  const given = new URLSearchParams(new FormData(find));
  for (const name of ["q", "sort"]) if (["", "new"].includes(given.get(name))) given.delete(name);
  const address = `${find.action}${given.size ? `?${given}` : ""}`;
  if (!(await swap(address, "list"))) return;
  history.replaceState({ part: "list" }, "", address);
  const shown = list().querySelector(".sum")?.textContent.trim();
  hear(rows().length ? shown : list().querySelector("h2")?.textContent);
}

/* Selecting */

document.addEventListener("click", (event) => {
  const box = event.target.closest?.(".row > .cb");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-every]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches(".cb")) count();
});

document.addEventListener("reset", () => setTimeout(count));

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  const shown = list().querySelector("[data-selected]");
  if (!shown) return;
  shown.textContent = words("{n} selected", "{n} selected", chosen);
  const every = list().querySelector("[data-every]");
  every.checked = chosen > 0 && chosen === boxes().length;
  every.indeterminate = chosen > 0 && !every.checked;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy-selected]");
  if (!button) return;
  const chosen = boxes().filter((box) => box.checked);
  button.dataset.copy = chosen.map((box) => box.closest("[data-link]").dataset.url).join("\n");
  copy(button);
});

/* Rows: what a swap takes away gives the focus to the next one. */

document.addEventListener(
  "submit",
  (event) => {
    const row = event.submitter?.dataset.part?.startsWith("row-") && document.getElementById(event.submitter.dataset.part);
    if (row) {
      event.submitter.closest("[popover]")?.hidePopover();
      const next = row.nextElementSibling ?? row.previousElementSibling;
      const gone = new MutationObserver(() => {
        gone.disconnect();
        if (document.getElementById(row.id)) focus(document.getElementById(row.id));
        else followUp(next);
      });
      gone.observe(row.parentElement, { childList: true });
    }
    // Undo changes the list where it stands.
    if (event.target.closest("#say") && event.target.method === "post") {
      event.preventDefault();
      swap(event.target.action, "list", { method: "POST", body: new URLSearchParams() });
    }
  },
  true,
);

/* One fewer: the sums are others, and a row of the next page comes up. */
async function followUp(next) {
  focus(next ?? document.getElementById("q"));
  await swap(location.href, "list");
  focus(document.getElementById(next?.id) ?? document.getElementById("q"));
}

function focus(row) {
  const link = row?.querySelector?.(".go2") ?? row;
  link?.focus();
  link?.scrollIntoView?.({ block: "nearest" });
}

function step(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(current());
  focus(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
}

const inRow = (act) => () => {
  const row = current();
  if (!row) return false;
  act(row);
};
const go = (behind) => inRow((row) => location.assign(import.meta.resolve(`../links/${row.dataset.link}${behind}`)));
const press = (selector) => inRow((row) => row.querySelector(selector)?.click());

for (const key of ["j", "ArrowDown"]) bind(key, () => step(1));
for (const key of ["k", "ArrowUp"]) bind(key, () => step(-1));
bind("x", press(".cb"));
bind("c", press(".copy"));
bind("e", go("/edit"));
bind("q", go("/qr"));
bind("o", press("[data-do=switch]"));
bind("Delete", press("[data-do=delete]"));
bind("t", () => {
  const row = current();
  const box = row?.querySelector(".cb");
  if (box && !boxes().some((other) => other.checked)) box.click();
  if (!boxes().some((other) => other.checked)) return false;
  document.getElementById("bulk-tag").showPopover();
  document.getElementById("tag").focus();
});
bind("Escape", () => {
  if (!boxes().some((box) => box.checked)) return false;
  document.getElementById("bulk").reset();
});

/* What is pasted beside all fields becomes a link, or several. */

document.addEventListener("paste", (event) => {
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const text = event.clipboardData.getData("text/plain").trim();
  if (/^(https?:\/\/|[\w-]+(\.[\w-]+)+(\/|$))/i.test(text) && text.length < 8000) {
    const team = new URLSearchParams(location.search).get("team") ?? "";
    location.assign(import.meta.resolve(`../new?${new URLSearchParams({ url: text, team })}`));
  }
});

/* Counts */

function show(counts) {
  for (const [link, clicks] of Object.entries(counts)) {
    const place = list().querySelector(`[data-count="${link}"]`);
    if (place) place.textContent = number(clicks);
  }
}

function begin() {
  for (const hidden of list().querySelectorAll("[data-copy-selected]")) hidden.hidden = false;
  const ids = rows().map((row) => row.dataset.link);
  follow(ids, show);
  count();
}

document.addEventListener("swapped", (event) => {
  if (event.target.id === "list") begin();
  else count();
});
begin();
