/* The page /-/unlock: decrypts a shared file in its visitor's browser.

   The password stays in this tab. It reads the signature in the page's address, which gives the
   challenge; for the challenge the server names the file and the address to download it from.

   This script must never send the password or a key anywhere, ask another origin for anything,
   write markup, show a file's name before its challenge is solved, or leave behind a file that
   looks whole and is not. What the address and the server say is checked or shown as text. */

import { Damaged, TooLarge, opener, solve } from "./sealed.js";

const SHORT_URL =
  /^https?:\/\/([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?\/(?!-)[\w-]{1,64}$/;
const SIGNATURE = /^[0-9a-f]{88}$/i;
const DOWNLOAD_PATH = /^\/-\/files\/[A-Za-z0-9]{32}$/;
const REDRAW_MS = 200;
const REVOKE_MS = 60_000;

const INCOMPLETE = "The address of this page is not complete. Open the short link again.";
const INSECURE = "Browsers decrypt on secure pages (https) only, and this is none.";
const WRONG_PASSWORD = "This is not the password of this file. Nothing was sent; try again.";
const DAMAGED = "The file is damaged or was tampered with. Nothing was saved.";
const TOO_LARGE =
  "The file was encrypted in one piece, which is too large for this browser. Nothing was saved.";
const UNREACHABLE = "The server cannot be reached. Check your connection and try again.";
const CUT_OFF = "The connection broke. Nothing was saved; try again.";
const NO_ROOM = "There is no room for the file on this device. Nothing was saved.";
const CANCELLED = "Cancelled. Nothing was saved.";
const GONE = "There is nothing at this link any more.";
const CHANGED = "The link does not lead to this file any more. Open the short link again.";
const BY_CODE = {
  link_expired: "This link has expired. The person who sent it to you can make a new one.",
  link_not_found: GONE,
  not_found: GONE,
  not_a_file: CHANGED,
  wrong_challenge: CHANGED,
};

/** Something did not work out, in words for the visitor; `code` is the server's if it has one. */
class Refusal extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

const element = (id) => document.getElementById(id);

// What the server is asked

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", redirect: "error", ...options }).catch(
    (fault) => {
      throw fault.name === "AbortError" ? fault : new Refusal(UNREACHABLE);
    },
  );
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  const error = answer?.error ?? {};
  throw new Refusal(refusalInWords(response, error), error.code);
}

function refusalInWords(response, { code = "", message }) {
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code];
  if (response.status === 429) {
    const seconds = Number(response.headers.get("retry-after")) || 60;
    const wait = seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
    return `That was too often. Wait ${wait}, then try again.`;
  }
  if (response.status >= 500) return "The server has a problem. Please try again later.";
  return `The server refuses: ${message ?? `status ${response.status}`}`;
}

/** What the server tells of a file to who has solved its challenge; `path` lasts a minute. */
async function fileInfo(shorturl, challenge, signal) {
  const body = JSON.stringify({ shorturl, challenge });
  const response = await ask("/v2/get_protected_file_info", { method: "POST", body, signal });
  const { output } = (await response.json().catch(() => null)) ?? {};
  const { pathname, search } = new URL(output?.url ?? "", location);
  if (!DOWNLOAD_PATH.test(pathname)) throw new Refusal("The server's answer makes no sense.");
  return { ...output, path: pathname + search };
}

/** The download, by another address if the time of the known one is up. */
async function openDownload(file, signal) {
  try {
    return await ask(file.path, { signal });
  } catch (fault) {
    if (fault.code !== "address_expired") throw fault;
    const { path } = await fileInfo(file.shorturl, file.challenge, signal);
    return ask(path, { signal });
  }
}

// Where the plain bytes go: a target's file appears when it is finished, and not before

/** A file of the visitor's choice, or else a download. Only a click may lead here. */
async function chooseTarget(filename) {
  if (!window.showSaveFilePicker) return blobTarget(filename);
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
    // Choosing has made an empty file.
    discard: async () => (await handle.getFile()).size === 0 && handle.remove?.(),
  };
}

/** Collects a blob, which browsers move to disk as it grows, and downloads that. */
function blobTarget(filename) {
  const { readable, writable } = new TransformStream();
  // Of a type that is never shown: somebody's file must not run as a page of this site.
  const headers = { "content-type": "application/octet-stream" };
  const blob = new Response(readable, { headers }).blob();
  blob.catch(() => {}); // The stream says what broke it.
  return {
    stream: writable,
    async finish() {
      const href = URL.createObjectURL(await blob);
      const link = Object.assign(document.createElement("a"), { href, download: filename });
      link.click();
      setTimeout(() => URL.revokeObjectURL(href), REVOKE_MS);
      return "Done. The file is among your browser's downloads.";
    },
    discard: async () => {},
  };
}

// The page

function say(words, isBad = false) {
  element("status").textContent = words;
  element("status").classList.toggle("bad", isBad);
}

/** Shows what it is time for: "ask", "file" or "transfer". */
function show(step) {
  for (const id of ["ask", "file", "transfer"]) element(id).hidden = id !== step;
}

function offerCommand(shorturl) {
  element("command").textContent = `shortd fetch ${shorturl}`;
  element("hint").hidden = false;
}

function faultInWords(fault) {
  if (fault instanceof Refusal) return fault.message;
  if (fault instanceof Damaged) return DAMAGED;
  if (fault instanceof TooLarge) return TOO_LARGE;
  if (fault instanceof TypeError) return CUT_OFF;
  if (fault.name === "QuotaExceededError") return NO_ROOM;
  return `This did not work: ${fault.message}`;
}

function inUnits(bytes) {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 4);
  const unit = ["bytes", "kB", "MB", "GB", "TB"][power];
  return `${power ? (bytes / 1000 ** power).toFixed(1) : bytes} ${unit}`;
}

/** Lets bytes through, and shows how many of how many there were, and how fast they come. */
function meter(total) {
  const begin = performance.now();
  let received = 0;
  let drawn = begin;
  element("progress").max = total || 1;
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      received += chunk.length;
      const now = performance.now();
      if (now - drawn < REDRAW_MS) return;
      drawn = now;
      const pace = inUnits(Math.round((received * 1000) / (now - begin)));
      element("progress").value = received;
      element("pace").textContent = `${inUnits(received)} of ${inUnits(total)}, ${pace} a second`;
    },
  });
}

async function save(file) {
  const cancelling = new AbortController();
  const { signal } = cancelling;
  const stay = (event) => event.preventDefault();
  let target;
  say("");
  element("save").disabled = true;
  try {
    target = await chooseTarget(file.filename);
    window.addEventListener("beforeunload", stay);
    element("cancel").onclick = () => cancelling.abort();
    element("progress").removeAttribute("value");
    element("pace").textContent = "";
    show("transfer");
    element("cancel").focus();
    say("Downloading and decrypting…");
    const response = await openDownload(file, signal);
    const total = Number(response.headers.get("content-length") ?? file.filesize);
    await response.body
      .pipeThrough(meter(total))
      .pipeThrough(opener(file.key, file.filesize))
      .pipeTo(target.stream, { signal });
    say(await target.finish());
  } catch (fault) {
    await target?.stream.abort().catch(() => {});
    await target?.discard().catch(() => {});
    if (fault.name === "AbortError") say(target ? CANCELLED : "");
    else say(faultInWords(fault), true);
    if (fault instanceof TooLarge) offerCommand(file.shorturl);
  }
  window.removeEventListener("beforeunload", stay);
  element("save").disabled = false;
  show("file");
  element("save").focus();
}

async function unlock(shorturl, signature) {
  const password = element("password");
  password.removeAttribute("aria-invalid");
  element("submit").disabled = true;
  say("Trying the password…");
  try {
    const solved = await solve(signature, password.value);
    if (!solved) {
      password.setAttribute("aria-invalid", "true");
      throw new Refusal(WRONG_PASSWORD);
    }
    const info = await fileInfo(shorturl, solved.challenge);
    password.value = "";
    element("name").textContent = info.filename;
    element("size").textContent = inUnits(info.filesize);
    element("type").textContent = info.filetype || "unknown";
    element("save").onclick = () => save({ ...info, ...solved, shorturl });
    show("file");
    element("save").focus();
    say("Unlocked.");
  } catch (fault) {
    say(faultInWords(fault), true);
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
    say(INCOMPLETE, true);
    return;
  }
  element("shorturl").textContent = shorturl;
  if (!crypto.subtle) {
    say(INSECURE, true);
    offerCommand(shorturl);
    return;
  }
  element("ask").onsubmit = (event) => {
    event.preventDefault();
    unlock(shorturl, signature);
  };
  show("ask");
  element("password").focus();
}

start();
