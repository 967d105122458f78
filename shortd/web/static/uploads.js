/* What this browser remembers of uploads that are not done, so that another visit can go on.

   Rows: filekey, name, size, changed (ms), samples (hex), partBytes, parts (numbers), until (ms),
   challenge and signature (hex; "" of a plain file). It must never keep a password or a key. */

const NAME = "shortd";
const ROWS = "uploads";
const SAMPLE = 64 << 10;

let opening;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(ROWS, { keyPath: "filekey" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function doing(mode, act) {
  try {
    const rows = (await open()).transaction(ROWS, mode).objectStore(ROWS);
    return await new Promise((resolve, reject) => {
      const request = act(rows);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } catch {
    // Browsers that remember nothing share all the same.
    return null;
  }
}

export const keep = (row) => doing("readwrite", (rows) => rows.put(row));
export const forget = (filekey) => doing("readwrite", (rows) => rows.delete(filekey));
export const kept = async () => (await doing("readonly", (rows) => rows.getAll())) ?? [];

/** Digests of the beginning, the middle and the end; "" where browsers make none. */
export async function samplesOf(file) {
  if (!crypto.subtle) return "";
  const places = [0, file.size / 2, file.size - SAMPLE].map((at) => Math.max(0, Math.floor(at)));
  const digests = places.map(async (at) => {
    const bytes = await file.slice(at, at + SAMPLE).arrayBuffer();
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toString();
  });
  return (await Promise.all(digests)).join(";");
}

/** Whether a file is the one of a row. */
export async function isSame(row, file) {
  if (row.name !== file.name || row.size !== file.size) return false;
  if (!row.samples && row.changed !== file.lastModified) return false;
  return row.samples === (await samplesOf(file));
}
