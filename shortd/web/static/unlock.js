/* The page /-/unlock: decrypts a shared file in its visitor's browser.

   The password stays in this tab, or the key that the link carries behind its "#", which is taken
   out of the address. It reads the signature in the page's address, which gives the
   challenge; for the challenge the server names the file and the address to download it from.

   This script must never send the password or a key anywhere, ask another origin for anything,
   write markup, show a file's name before its challenge is solved or an address of another site,
   or leave behind a file that looks whole and is not. What the address and the server say is
   checked or shown as text. */

import { LARGE, Told, faultInWords, isInMemory, save } from "./saving.js";
import { LINK_KEY, TooLarge, opener, solve } from "./sealed.js";
import { size } from "./sizes.js";
import { word } from "./words.js";

const SHORT_URL =
  /^https?:\/\/([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?\/(?!(.*\/)?-\/)[\w.~%/-]{1,1300}$/;
const SIGNATURE = /^[0-9a-f]{88}$/i;
const DOWNLOAD_PATH = /\/-\/files(\/[A-Za-z0-9]{32})$/;
const REDRAW_MS = 200;

const INCOMPLETE = word("The address of this page is not complete. Open the short link again.");
const INSECURE = word("Browsers decrypt on secure pages (https) only, and this is none.");
const WRONG_KEY = word(
  "The key in this link is not this file's: a part of the link is missing, or its file is another.",
);
const WRONG_PASSWORD = word("This is not the password of this file. Nothing was sent; try again.");
const UNREACHABLE = word("The server cannot be reached. Check your connection and try again.");
const GONE = word("There is nothing at this link any more.");
const CHANGED = word("The link does not lead to this file any more. Open the short link again.");
const BY_CODE = {
  link_expired: word("This link has expired. The person who sent it to you can make a new one."),
  link_not_found: GONE,
  not_found: GONE,
  not_a_file: CHANGED,
  wrong_challenge: CHANGED,
};

/** Something did not work out, in words for the visitor; `code` is the server's if it has one. */
class Refusal extends Told {
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
    if (seconds < 120) return word("That was too often. Wait {seconds} seconds, then try again.", { seconds });
    const minutes = Math.ceil(seconds / 60);
    return word("That was too often. Wait {minutes} minutes, then try again.", { minutes });
  }
  if (response.status >= 500) return word("The server has a problem. Please try again later.");
  if (!message) return word("The server refuses, with status {status}.", { status: response.status });
  return word("The server refuses: {said}", { said: message });
}

/** What the server tells of a file to who has solved its challenge; `path` lasts a minute. */
async function fileInfo(shorturl, challenge, signal) {
  const body = JSON.stringify({ shorturl, challenge });
  const response = await ask(new URL("../../v2/get_protected_file_info", import.meta.url), { method: "POST", body, signal });
  const { output } = (await response.json().catch(() => null)) ?? {};
  const { pathname, search } = new URL(output?.url ?? "", location);
  const [, file] = DOWNLOAD_PATH.exec(pathname) ?? [];
  if (!file) throw new Refusal(word("The server's answer makes no sense."));
  return { ...output, path: new URL(`../files${file}${search}`, import.meta.url) };
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

// The page

function say(words, isBad = false) {
  element("status").textContent = words;
  element("status").classList.toggle("bad", isBad);
}

/** Shows what it is time for: "ask", "file" or "transfer". */
function show(step) {
  for (const id of ["ask", "file", "transfer"]) element(id).hidden = id !== step;
}

function offerCommand(link) {
  element("command").textContent = `shortd fetch ${link}`;
  element("hint").hidden = false;
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
      const pace = size(Math.round((received * 1000) / (now - begin)));
      element("progress").value = received;
      const places = { received: size(received), total: size(total), pace };
      element("pace").textContent = word("{received} of {total}, {pace} a second", places);
    },
  });
}

async function take(file) {
  const cancelling = new AbortController();
  const { signal } = cancelling;
  let hasBegun = false;
  say("");
  element("save").disabled = true;
  const write = async (stream) => {
    hasBegun = true;
    element("cancel").onclick = () => cancelling.abort();
    element("progress").removeAttribute("value");
    element("pace").textContent = "";
    show("transfer");
    element("cancel").focus();
    say(word("Downloading and decrypting…"));
    const response = await openDownload(file, signal);
    const total = Number(response.headers.get("content-length") ?? file.filesize);
    await response.body
      .pipeThrough(meter(total))
      .pipeThrough(opener(file.fileKey, file.filesize))
      .pipeTo(stream, { signal });
  };
  try {
    say(await save(file.filename, write));
  } catch (fault) {
    if (hasBegun || fault.name !== "AbortError") say(faultInWords(fault), fault.name !== "AbortError");
    if (fault instanceof TooLarge) offerCommand(shownLink(file.shorturl));
  }
  element("save").disabled = false;
  show("file");
  element("save").focus();
}

async function unlock(shorturl, signature, linkKey = "") {
  const password = element("password");
  password.removeAttribute("aria-invalid");
  element("submit").disabled = true;
  say(linkKey ? word("Opening…") : word("Trying the password…"));
  try {
    const solved = await solve(signature, linkKey || password.value);
    if (!solved) {
      if (linkKey) throw new Refusal(WRONG_KEY);
      password.setAttribute("aria-invalid", "true");
      throw new Refusal(WRONG_PASSWORD);
    }
    const info = await fileInfo(shorturl, solved.challenge);
    password.value = "";
    element("name").textContent = info.filename;
    element("size").textContent = size(info.filesize);
    element("type").textContent = info.filetype || word("unknown");
    element("save").onclick = () => take({ ...info, ...solved, shorturl });
    show("file");
    element("save").focus();
    say(isInMemory() ? word("Unlocked. This browser keeps the file in memory until it is whole.") : word("Unlocked."));
    if (isInMemory() && info.filesize > LARGE) offerCommand(shownLink(shorturl));
  } catch (fault) {
    say(faultInWords(fault), true);
    show("ask");
    // Trying again takes no more than the button.
    if (fault.message !== WRONG_KEY) password.value ||= linkKey;
    password.focus();
    password.select();
  }
  element("submit").disabled = false;
}

/** The short URL as this page may show it: anybody can write another site's into its address. */
function shownLink(shorturl) {
  const own = [location.origin, new URL(element("shorturl").dataset.site).origin];
  return own.includes(new URL(shorturl).origin) ? shorturl : word("THE-SHORT-LINK");
}

/** What stands behind the "#", which leaves the address: it must not be copied or kept by chance. */
function takeLinkKey() {
  const key = location.hash.slice(1);
  if (key) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

function start() {
  const query = new URLSearchParams(location.search);
  const shorturl = query.get("shorturl") ?? "";
  const signature = query.get("signature") ?? "";
  if (!SHORT_URL.test(shorturl) || !SIGNATURE.test(signature)) {
    say(INCOMPLETE, true);
    return;
  }
  const report = element("report");
  if (report) report.search = new URLSearchParams({ link: shorturl });
  const link = shownLink(shorturl);
  element("shorturl").textContent = link === shorturl ? link : "";
  if (!crypto.subtle) {
    say(INSECURE, true);
    offerCommand(link + location.hash);
    return;
  }
  element("ask").onsubmit = (event) => {
    event.preventDefault();
    unlock(shorturl, signature);
  };
  const linkKey = takeLinkKey();
  if (LINK_KEY.test(linkKey)) {
    unlock(shorturl, signature, linkKey);
    return;
  }
  show("ask");
  element("password").focus();
  if (linkKey) say(WRONG_KEY, true);
}

start();
