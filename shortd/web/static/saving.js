/* Where the plain bytes of a file go: a target's file appears when it is finished, and not before.

   A file of the visitor's choice where browsers ask for one; else one in the page's own storage,
   which then is downloaded from there; else memory. What is left in the storage goes by itself. */

import { Damaged, TooLarge } from "./sealed.js";
import { word } from "./words.js";

const REVOKE_MS = 60_000;
const KEPT_MS = 600_000;
const FOLDER = "shortd";
// Of a type that is never shown: somebody's file must not run as a page of this site.
const BYTES = "application/octet-stream";

const hasStorage = () =>
  Boolean(navigator.storage?.getDirectory && globalThis.FileSystemFileHandle?.prototype.createWritable);

/** More bytes than a browser should keep in memory. */
export const LARGE = 512 << 20;

/** Whether a whole file has to fit into memory. */
export function isInMemory() {
  return !window.showSaveFilePicker && !hasStorage();
}

/** Has `write` fill the stream of a file of this name: says where it is then. Whatever fails leaves
    nothing behind, and comes through; an AbortError before `write` is asked if no file was chosen.
    Only a click may lead here. */
export async function save(filename, write) {
  const target = await chooseTarget(filename);
  const stay = (event) => event.preventDefault();
  addEventListener("beforeunload", stay);
  try {
    await write(target.stream);
    return await target.finish();
  } catch (fault) {
    await target.stream.abort().catch(() => {});
    await target.discard().catch(() => {});
    throw fault;
  } finally {
    removeEventListener("beforeunload", stay);
  }
}

/** A fault whose message is for people. */
export class Told extends Error {}

/** Why nothing was saved. */
export function faultInWords(fault) {
  if (fault instanceof Told) return fault.message;
  if (fault instanceof Damaged) return word("The file is damaged or was tampered with. Nothing was saved.");
  if (fault instanceof TooLarge) return word("The file was encrypted in one piece, which is too large for this browser. Nothing was saved.");
  if (fault instanceof TypeError) return word("The connection broke. Nothing was saved; try again.");
  if (fault.name === "QuotaExceededError") return word("There is no room for the file on this device. Nothing was saved.");
  if (fault.name === "AbortError") return word("Cancelled. Nothing was saved.");
  return word("This did not work: {fault}", { fault: fault.message });
}

/** `stream`, `finish`, which says where the file is then, and `discard`. */
async function chooseTarget(filename) {
  if (window.showSaveFilePicker) {
    try {
      return await chosenTarget(await window.showSaveFilePicker({ suggestedName: filename }));
    } catch (fault) {
      if (fault.name === "AbortError") throw fault;
    }
  }
  try {
    if (hasStorage()) return await storedTarget(filename);
  } catch {
    // Private windows of some browsers have none after all.
  }
  return memoryTarget(filename);
}

async function chosenTarget(handle) {
  return {
    stream: await handle.createWritable(),
    finish: async () => word("Saved as {name}.", { name: handle.name }),
    // Choosing has made an empty file.
    discard: async () => (await handle.getFile()).size === 0 && handle.remove?.(),
  };
}

async function storedTarget(filename) {
  const folder = await swept(true);
  const name = crypto.randomUUID();
  const handle = await folder.getFileHandle(name, { create: true });
  return {
    stream: await handle.createWritable(),
    async finish() {
      const file = await handle.getFile();
      download(file.slice(0, file.size, BYTES), filename);
      setTimeout(() => folder.removeEntry(name).catch(() => {}), KEPT_MS);
      return word("Done. The file is among your browser's downloads.");
    },
    discard: () => folder.removeEntry(name),
  };
}

/** The folder for files on their way, without those of earlier visits. */
async function swept(create) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create });
  for await (const [name, handle] of folder.entries()) {
    const { lastModified } = await handle.getFile();
    if (Date.now() - lastModified > KEPT_MS) await folder.removeEntry(name).catch(() => {});
  }
  return folder;
}

function memoryTarget(filename) {
  const { readable, writable } = new TransformStream();
  const blob = new Response(readable, { headers: { "content-type": BYTES } }).blob();
  blob.catch(() => {}); // The stream says what broke it.
  return {
    stream: writable,
    async finish() {
      download(await blob, filename);
      return word("Done. The file is among your browser's downloads.");
    },
    discard: async () => {},
  };
}

function download(blob, filename) {
  const href = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(href), REVOKE_MS);
}

if (hasStorage()) swept(false).catch(() => {});
