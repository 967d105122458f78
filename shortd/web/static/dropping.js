/* Files that are dropped or pasted anywhere on a page that takes some. A folder is none. */

import { say } from "./say.js";
import { word } from "./words.js";

let take = null;

/** From now on files go to `act`, as a list. */
export function receive(act) {
  take = act;
}

const hasFiles = (transfer) => take && transfer?.types.includes("Files");

function filesOf({ items, files }) {
  const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory;
  const found = [...items].filter(({ kind }) => kind === "file");
  if (!found.some(isFolder)) return [...files];
  say({ text: word("A folder becomes one file with shortd send, or with a zip program.") });
  return found.filter((item) => !isFolder(item)).map((item) => item.getAsFile());
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
  document.addEventListener(name, (event) => {
    if (!hasFiles(event[transfer])) return;
    // What is copied from a document comes as a picture, too.
    if (name === "paste" && event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    over(false);
    take(filesOf(event[transfer]));
  });
}
