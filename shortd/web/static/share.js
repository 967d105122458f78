/* The page that shares files: a queue of them, sent one after the other when somebody asks for it.

   A password or a key stays in this page. This module must never put one into a form, or let
   the form be sent by the browser once it has taken over. */

import { MOST, gathered, joined } from "./bundle.js";
import { send as post } from "./calls.js";
import { receive } from "./dropping.js";
import { Row } from "./row.js";
import { hear } from "./say.js";
import { Sending } from "./sending.js";
import { size } from "./sizes.js";
import { bitsOf, sixWords } from "./strength.js";
import { forget, isSame, kept } from "./uploads.js";
import { number, word, words } from "./words.js";

const WAY = "shortd.share";
const element = (id) => document.getElementById(id);
const queue = [];
let isRunning = false;

/** Puts files into the queue, each folder as one, and those that another visit has begun in their
    old places. */
export async function add(files) {
  for (const file of gathered(files)) {
    const old = await earlierOf(file);
    if (old) {
      old.file = file;
      old.row.note(old.kept.way === "password" ? word("Type its password again, then share.") : "");
      if (old.kept.way === "password") askPassword();
    } else entry(file);
  }
  if (queue.some((one) => one.file && !one.sending)) fault("");
}

async function earlierOf(file) {
  for (const one of queue) {
    if (one.kept && one.kept.way !== "key" && !one.sending && (await isSame(one.kept, file))) return one;
  }
  return null;
}

function entry(file, old = null) {
  const { name, size: bytes } = file ?? old;
  const one = { file, kept: old, sending: null, isWanted: false };
  one.row = new Row(name, bytes, {
    pause: () => one.sending.pause(),
    go: () => (one.sending ? goOn(one) : element(old?.isFolder ? "folder" : "file").click()),
    cancel: () => cancel(one),
  });
  if (old) {
    one.row.earlier(old);
    one.row.allow(...(old.way === "key" ? ["cancel"] : ["go", "cancel"]));
  }
  queue.push(one);
  element("queue").append(one.row.element);
  return one;
}

function goOn(one) {
  // What was refused may have been put right meanwhile.
  Object.assign(one.sending.terms, one.sending.fault?.field === "ending" ? { ending: element("ending").value } : {});
  fault("");
  one.isWanted = true;
  run();
}

async function cancel(one) {
  if (one.sending) await one.sending.cancel();
  else if (one.kept) {
    await post(import.meta.resolve("../share/cancel"), { filekey: one.kept.filekey }).catch(() => {});
    await forget(one.kept.filekey);
  }
  queue.splice(queue.indexOf(one), 1);
  const next = one.row.element.nextElementSibling ?? one.row.element.previousElementSibling;
  one.row.element.remove();
  (next?.querySelector("button:not([hidden])") ?? element("choose")).focus();
}

async function start() {
  let waiting = queue.filter((one) => one.file && !one.sending);
  const way = new FormData(element("share")).get("way");
  const password = element("password").value;
  if (!waiting.length) return fault(word("Choose a file."), "choose");
  const ask = (one) => (one.kept ? one.kept.way : way) === "password";
  if (waiting.some(ask) && !password) return fault(word("Choose a password first, or take six words."), "password");
  const most = Number(element("share").dataset.most);
  const ending = element("ending").value.trim();
  waiting = united(waiting);
  if (ending && waiting.length > 1) return fault(word("An own ending is for one link alone."), "ending");
  let isWrong = false;
  for (const one of waiting) {
    if (one.file.members?.length > MOST) {
      one.row.say(word("There may be {most} files under one link.", { most: number(MOST) }), true);
      continue;
    }
    if (one.file.size > most) {
      one.row.say(word("This file is larger than {most}, the most that one may have.", { most: size(most) }), true);
      continue;
    }
    const terms = { ends: element("ends").value, downloads: element("downloads").value, ending, host: element("host")?.value ?? "", team: element("team").value };
    const its = one.kept?.way ?? way;
    const sending = new Sending(one.file, its, { password: its === "password" ? password : "", terms, changed: (s) => changed(one, s) });
    if (one.kept && !(await sending.resume(one.kept))) isWrong = true;
    else Object.assign(one, { sending, isWanted: true });
  }
  if (isWrong) fault(word("This is not the password of last time. Nothing was sent; try again."), "password");
  else fault("");
  remember(way);
  run();
}

/** What is to be sent: all that is new as one, if several files get one link. */
function united(waiting) {
  const fresh = waiting.filter((one) => !one.kept);
  if (element("together").value !== "one" || fresh.length < 2) return waiting;
  const name = words("{name} and {n} more", "{name} and {n} more", fresh.length - 1, { name: fresh[0].file.name });
  const all = entry(Object.assign(joined(fresh.map(({ file }) => file), name), { isFleeting: true }));
  for (const one of fresh) {
    queue.splice(queue.indexOf(one), 1);
    one.row.element.remove();
  }
  return [...waiting.filter((one) => one.kept), all];
}

/** One file at a time, and three of its parts. */
async function run() {
  if (isRunning) return;
  isRunning = true;
  for (let one; (one = queue.find(({ isWanted }) => isWanted)); ) {
    one.isWanted = false;
    await one.sending.run();
  }
  isRunning = false;
}

function changed(one, sending) {
  one.row.show(sending);
  if (sending.state === "stopped") {
    hear(sending.fault.message);
    if (sending.fault.field) fault(sending.fault.message, sending.fault.field);
  }
  if (sending.state !== "done") return;
  hear(word("{name} is ready.", { name: sending.file.name }));
  const addresses = queue.filter((other) => other.sending?.made).map((other) => other.sending.address);
  element("all").hidden = addresses.length < 2;
  element("all").querySelector("button").dataset.copy = addresses.join("\n");
  if (element("ending").value.trim() === sending.terms.ending) element("ending").value = "";
  if (!queue.some((other) => other.isWanted)) one.row.find("[data-copy]").focus();
}

function fault(text, id = "") {
  element("fault").textContent = text;
  element("fault").hidden = !text;
  for (const field of document.querySelectorAll("#options [aria-invalid]")) field.removeAttribute("aria-invalid");
  const field = id ? element(id) : null;
  if (field?.matches("input, select")) field.setAttribute("aria-invalid", "true");
  field?.focus();
}

function askPassword() {
  document.querySelector("[name=way][value=password]").checked = true;
  chosen();
  element("password").focus();
}

function chosen() {
  element("secret").hidden = new FormData(element("share")).get("way") !== "password";
}

function measure() {
  const bits = bitsOf(element("password").value);
  element("meter").value = bits;
  element("strength").textContent =
    bits < 40
      ? word("Weak: whoever has the link can try passwords without asking this server.")
      : bits < 60
        ? word("Fair: it would take a while to guess.")
        : word("Strong. Nobody can help if it is lost.");
}

function remember(way) {
  try {
    localStorage.setItem(WAY, way);
  } catch {
    // Asked for again the next time.
  }
}

function remembered() {
  try {
    return localStorage.getItem(WAY);
  } catch {
    return null;
  }
}

function listen() {
  const form = element("share");
  const file = element("file");
  const folder = element("folder");
  // From now on nothing leaves but through here.
  file.removeAttribute("name");
  file.required = false;
  file.multiple = true;
  file.classList.add("vh");
  file.tabIndex = -1;
  for (const input of [file, folder]) {
    input.onchange = () => {
      add([...input.files]);
      input.value = "";
    };
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    start();
  };
  element("choose").hidden = element("choose-folder").hidden = false;
  element("choose").onclick = () => file.click();
  element("choose-folder").onclick = () => folder.click();
  element("ways").onchange = chosen;
  element("password").oninput = measure;
  element("six").onclick = async ({ target }) => {
    element("password").value = await sixWords(target.dataset.words);
    measure();
  };
  receive(add);
  addEventListener("beforeunload", (event) => {
    if (queue.some(({ sending }) => sending?.state === "sending")) event.preventDefault();
  });
}

async function begin() {
  if (!element("share")) return;
  listen();
  const canSeal = Boolean(crypto.subtle);
  for (const way of ["key", "password"]) document.querySelector(`[name=way][value=${way}]`).disabled = !canSeal;
  element("insecure").hidden = element("command").hidden = canSeal;
  const way = remembered() ?? element("share").dataset.start;
  const wanted = document.querySelector(`[name=way][value="${CSS.escape(way)}"]:enabled`);
  if (wanted) wanted.checked = true;
  chosen();
  for (const row of await kept()) {
    if (row.until < Date.now()) await forget(row.filekey);
    else entry(null, row);
  }
}

await begin();
