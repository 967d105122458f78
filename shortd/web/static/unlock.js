/* The page /-/unlock: decrypts a shared file in its visitor's browser.

   The password stays in this tab. It decrypts the signature in the page's address, which gives
   the challenge; for the challenge the server names the file and gives its download address.
   The body is frames of `uint32 LE length | 12-byte IV | ciphertext | 16-byte tag`, AES-256-GCM,
   the length counting all but itself.

   This script must never send the password or a key anywhere, ask another origin for anything,
   write markup, show a file's name before its challenge is solved, or leave behind a file that
   looks whole and is not. What the address or the server says is shown as text alone. */

const LENGTH_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const LARGEST_FRAME = 2 ** 31 - 1; // A frame can only be decrypted whole, in memory.
const PBKDF2 = {
  name: "PBKDF2",
  hash: "SHA-256",
  salt: bytesOf("182c37f56e1967227ccae78af837b638"),
  iterations: 231581,
};
const SHORT_URL =
  /^https?:\/\/([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?\/(?!-)[\w-]{1,64}$/;
const SIGNATURE = /^[0-9a-f]{88}$/i;
const DOWNLOAD_PATH = /^\/-\/files\/[A-Za-z0-9]{32}$/;
const RESHOW_MS = 200;

const WRONG_PASSWORD = "This is not the password of this file. Nothing was sent; try again.";
const BROKEN = "The file is damaged or was tampered with. Nothing was saved.";
const TOO_LARGE =
  "This file was encrypted in one piece, which is too large for a browser. Nothing was saved.";
const UNREACHABLE = "The server cannot be reached. Check your connection and try again.";
const CUT_OFF = "The download was cut off. Nothing was saved; try again.";
const NO_ROOM = "There is no room for the file on this device. Nothing was saved.";
const GONE = "There is nothing at this link any more.";
const CHANGED = "This page's address is not that of the link any more. Open the short link again.";
const REFUSALS = {
  link_expired: "This link has expired. The person who sent it to you can make a new one.",
  link_not_found: GONE,
  not_found: GONE,
  not_a_file: CHANGED,
  wrong_challenge: CHANGED,
};

/** What went wrong, in words for the visitor; `code` is the server's where it has one. */
class Refusal extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
}

function hexOf(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function inUnits(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let power = 0;
  for (; bytes >= 1000 && power < units.length - 1; power++) bytes /= 1000;
  return `${power ? bytes.toFixed(1) : bytes} ${units[power]}`;
}

// Keys and frames

/** The keys a password may stand for: clients derive them in either of two ways. */
async function* keysOf(password) {
  const secret = new TextEncoder().encode(password);
  const twice = await crypto.subtle.digest("SHA-256", await crypto.subtle.digest("SHA-256", secret));
  yield crypto.subtle.importKey("raw", twice, "AES-GCM", false, ["decrypt"]);
  const base = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveKey"]);
  const kind = { name: "AES-GCM", length: 256 };
  yield crypto.subtle.deriveKey(PBKDF2, base, kind, false, ["decrypt"]);
}

/** Decrypts `IV | ciphertext | tag`; null if it was not encrypted with this key. */
async function decrypt(key, sealed) {
  const algorithm = { name: "AES-GCM", iv: sealed.subarray(0, IV_BYTES) };
  try {
    return await crypto.subtle.decrypt(algorithm, key, sealed.subarray(IV_BYTES));
  } catch (fault) {
    if (fault.name === "OperationError") return null;
    throw fault;
  }
}

/** The key that opens the signature, and the challenge inside; null for a wrong password. */
async function solve(signature, password) {
  for await (const key of keysOf(password)) {
    const challenge = await decrypt(key, bytesOf(signature));
    if (challenge) return { key, challenge: hexOf(challenge) };
  }
  return null;
}

/** A stream from frames, cut anywhere, to `filesize` plain bytes; fails unless all is as it was. */
function unframe(key, filesize, onBytes) {
  const length = new Uint8Array(LENGTH_BYTES);
  let target = length;
  let filled = 0;
  let missing = filesize;

  function frame() {
    const size = new DataView(length.buffer).getUint32(0, true);
    const plain = size - IV_BYTES - TAG_BYTES;
    if (plain < 0 || plain > missing) throw new Refusal(BROKEN);
    if (size > LARGEST_FRAME) throw new Refusal(TOO_LARGE, "too_large");
    missing -= plain;
    try {
      return new Uint8Array(size);
    } catch {
      throw new Refusal(TOO_LARGE, "too_large");
    }
  }

  return new TransformStream({
    async transform(chunk, controller) {
      onBytes(chunk.length);
      while (chunk.length) {
        const part = chunk.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        chunk = chunk.subarray(part.length);
        if (filled < target.length) return;
        filled = 0;
        if (target === length) {
          target = frame();
          continue;
        }
        const plain = await decrypt(key, target);
        if (!plain) throw new Refusal(BROKEN);
        if (plain.byteLength) controller.enqueue(new Uint8Array(plain));
        target = length;
      }
    },
    flush() {
      if (missing || filled || target !== length) throw new Refusal(BROKEN);
    },
  });
}

// The server

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", redirect: "error", ...options }).catch(
    (fault) => {
      throw fault.name === "AbortError" ? fault : new Refusal(UNREACHABLE);
    },
  );
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new Refusal(inWords(response, error ?? {}), error?.code);
}

function inWords(response, error) {
  if (Object.hasOwn(REFUSALS, error.code ?? "")) return REFUSALS[error.code];
  if (response.status === 429) {
    const seconds = Number(response.headers.get("retry-after")) || 60;
    const wait = seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
    return `There were too many tries. Wait ${wait}, then try again.`;
  }
  if (response.status >= 500) return "The server has a problem. Please try again later.";
  return `The server refuses: ${error.message ?? `status ${response.status}`}`;
}

/** What the server tells of a file to who has solved its challenge. `path` works for a minute. */
async function fileInfo(shorturl, challenge, signal) {
  const body = JSON.stringify({ shorturl, challenge });
  const response = await ask("/v2/get_protected_file_info", { method: "POST", body, signal });
  const { output } = await response.json();
  const { pathname, search } = new URL(output.url, location);
  if (!DOWNLOAD_PATH.test(pathname)) throw new Refusal("The server's answer makes no sense.");
  return { ...output, path: pathname + search };
}

/** The response with the file's bytes; asks for another address if this one's time is up. */
async function openDownload(file, signal) {
  try {
    return await ask(file.path, { signal });
  } catch (fault) {
    if (fault.code !== "address_expired") throw fault;
    const { path } = await fileInfo(file.shorturl, file.challenge, signal);
    return ask(path, { signal });
  }
}

// Where the plain bytes go. `finish` makes the file whole; until then there is none.

/** A file that the visitor chooses, or else a download. Only to be called on a click. */
async function chooseTarget(filename) {
  try {
    return await diskTarget(await window.showSaveFilePicker({ suggestedName: filename }));
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    return blobTarget(filename);
  }
}

async function diskTarget(handle) {
  return {
    stream: await handle.createWritable(),
    finish: async () => `Saved as ${handle.name}.`,
    // Choosing a name has made an empty file.
    discard: async () => (await handle.getFile()).size === 0 && handle.remove?.(),
  };
}

/** Collects in a blob, which browsers keep on disk if it grows large, and downloads that. */
function blobTarget(filename) {
  const { readable, writable } = new TransformStream();
  // A type that no browser ever shows: somebody's file must not run as a page of this site.
  const headers = { "content-type": "application/octet-stream" };
  const blob = new Response(readable, { headers }).blob();
  blob.catch(() => {}); // Whatever breaks it is reported by the stream it comes from.
  return {
    stream: writable,
    async finish() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await blob);
      link.download = filename;
      link.click();
      return "Done. Your browser has put the file among its downloads.";
    },
    async discard() {},
  };
}

// The page

const element = (id) => document.getElementById(id);

function say(words, isBad = false) {
  element("status").textContent = words;
  element("status").classList.toggle("bad", isBad);
}

/** Shows the one step that it is time for: "ask", "file" or "transfer". */
function step(name) {
  for (const id of ["ask", "file", "transfer"]) element(id).hidden = id !== name;
}

function offerCommand(words, shorturl) {
  say(words, true);
  element("command").textContent = `shortd fetch ${shorturl}`;
  element("hint").hidden = false;
}

function complain(fault, file) {
  if (fault.code === "too_large") offerCommand(fault.message, file.shorturl);
  else if (fault instanceof Refusal) say(fault.message, true);
  else if (fault.name === "QuotaExceededError") say(NO_ROOM, true);
  else if (fault instanceof TypeError) say(CUT_OFF, true);
  else say(`The file could not be saved: ${fault.message}`, true);
}

function progress(total) {
  const begin = performance.now();
  let received = 0;
  let shown = -Infinity;
  element("progress").max = total || 1;
  return (count) => {
    received += count;
    const now = performance.now();
    if (now - shown < RESHOW_MS && received < total) return;
    shown = now;
    element("progress").value = received;
    const pace = inUnits(Math.round((received * 1000) / Math.max(now - begin, 1)));
    element("pace").textContent = `${inUnits(received)} of ${inUnits(total)}, ${pace} a second`;
  };
}

async function save(file) {
  const cancelling = new AbortController();
  const { signal } = cancelling;
  const keep = (event) => event.preventDefault();
  let target;
  try {
    say("");
    target = await chooseTarget(file.filename);
    element("cancel").onclick = () => cancelling.abort();
    element("progress").removeAttribute("value");
    element("pace").textContent = "";
    step("transfer");
    element("cancel").focus();
    say("Downloading and decrypting…");
    window.addEventListener("beforeunload", keep);
    const response = await openDownload(file, signal);
    const total = Number(response.headers.get("content-length") ?? file.filesize);
    const plain = response.body.pipeThrough(unframe(file.key, file.filesize, progress(total)));
    await plain.pipeTo(target.stream, { signal });
    say(await target.finish());
  } catch (fault) {
    await target?.stream.abort().catch(() => {});
    await target?.discard().catch(() => {});
    if (fault.name === "AbortError") say(target ? "Cancelled. Nothing was saved." : "");
    else complain(fault, file);
  }
  window.removeEventListener("beforeunload", keep);
  step("file");
  element("save").focus();
}

async function unlock(shorturl, signature) {
  const password = element("password");
  element("submit").disabled = true;
  say("Trying the password…");
  try {
    const solved = await solve(signature, password.value);
    if (!solved) throw new Refusal(WRONG_PASSWORD, "wrong_password");
    const file = { shorturl, ...solved, ...(await fileInfo(shorturl, solved.challenge)) };
    password.value = "";
    element("name").textContent = file.filename;
    element("size").textContent = inUnits(file.filesize);
    element("type").textContent = file.filetype || "unknown";
    element("save").onclick = () => save(file);
    step("file");
    element("save").focus();
    say("Unlocked.");
  } catch (fault) {
    complain(fault);
    password.setAttribute("aria-invalid", String(fault.code === "wrong_password"));
    password.focus();
    password.select();
  }
  element("submit").disabled = false;
}

function start() {
  const query = new URLSearchParams(location.search);
  const shorturl = query.get("shorturl") ?? "";
  const signature = query.get("signature") ?? "";
  if (!SHORT_URL.test(shorturl) || !SIGNATURE.test(signature)) {
    say("The address of this page is not complete. Open the short link again.", true);
    return;
  }
  element("shorturl").textContent = shorturl;
  if (!globalThis.crypto?.subtle) {
    offerCommand("Browsers decrypt on secure pages (https) only, and this is none.", shorturl);
    return;
  }
  element("ask").onsubmit = (event) => {
    event.preventDefault();
    unlock(shorturl, signature);
  };
  step("ask");
  element("password").focus();
}

start();
