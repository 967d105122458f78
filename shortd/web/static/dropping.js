/* Files that are dropped or pasted anywhere on a page that takes some. One that was in a folder has its
   place there as `path`. */

import { say } from "./say.js";
import { word } from "./words.js";

const MOST = 2000;

let take = null;

/** From now on files go to `act`, as a list. */
export function receive(act) {
  take = act;
}

const hasFiles = (transfer) => take && transfer?.types.includes("Files");

async function filesOf({ items, files }) {
  // Asked for before anything else: later the browser has forgotten them.
  const plain = [...files];
  const found = [...items].map((item) => item.kind === "file" && item.webkitGetAsEntry?.()).filter(Boolean);
  if (!found.some(({ isDirectory }) => isDirectory)) return plain;
  try {
    const inside = [];
    for (const entry of found) await collect(entry, inside);
    return inside;
  } catch {
    say({ text: word("This folder cannot be read.") });
    return [];
  }
}

async function collect(entry, inside) {
  // One more than there may be is enough to say so.
  if (inside.length > MOST) return;
  const asked = (act) => new Promise((resolve, reject) => act(resolve, reject));
  if (entry.isFile) {
    const file = await asked((...then) => entry.file(...then));
    inside.push(Object.assign(file, { path: entry.fullPath.slice(1) }));
    return;
  }
  const reader = entry.createReader();
  for (let some; (some = await asked((...then) => reader.readEntries(...then))).length; ) {
    for (const one of some) await collect(one, inside);
  }
}

function over(isOver) {
  document.body.classList.toggle("over", isOver);
}

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  over(true);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) over(false);
});
for (const [name, transfer] of [
  ["drop", "dataTransfer"],
  ["paste", "clipboardData"],
]) {
  document.addEventListener(name, async (event) => {
    if (!hasFiles(event[transfer])) return;
    // What is copied from a document comes as a picture, too.
    if (name === "paste" && event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    over(false);
    take(await filesOf(event[transfer]));
  });
}
