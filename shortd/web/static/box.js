/* The page of a box: sends files in parts, one after the other, and encrypts them where the box has a
   key. What the form would send in the clear, this script must never let leave an encrypted one. */

import { ask, send } from "./calls.js";
import { sealTo } from "./boxkeys.js";
import { typeOf } from "./bundle.js";
import { receive } from "./dropping.js";
import { Row } from "./row.js";
import { hear } from "./say.js";
import { Sending, nameOf } from "./sending.js";
import { size } from "./sizes.js";
import { word } from "./words.js";

const element = (id) => document.getElementById(id);
const form = element("box");
const queue = [];

/** Where an act of the script is asked for. */
function address(act, given = {}) {
  const [path, query = ""] = form.getAttribute("action").split("?");
  const all = new URLSearchParams(query);
  for (const [name, value] of Object.entries(given)) all.set(name, value);
  return `${path}/${act}${all.size ? `?${all}` : ""}`;
}

/** A file on its way into the box. */
class Posting extends Sending {
  async begin() {
    if (this.row) return;
    const { file, isSealed } = this;
    if (isSealed) this.seal ??= await sealTo(form.dataset.key);
    const said = isSealed ? {} : { name: nameOf(file), type: typeOf(file) };
    const asked = () => send(address("begin"), { ...said, size: file.size }, this.options);
    const { filekey, part_bytes: partBytes } = await this.patiently(asked);
    this.row = { filekey, partBytes, parts: [] };
  }

  post({ filekey }, number, body, options) {
    return ask(address("part", { filekey, number }), body, options);
  }

  async finish() {
    const { file, isSealed, seal } = this;
    const note = element("note").value;
    const said = isSealed
      ? { sender_key: seal.senderKey, label: await seal.label({ name: nameOf(file), type: typeOf(file), note }) }
      : { note };
    await this.patiently(() => send(address("finish"), { ...said, filekey: this.row.filekey }, this.options));
    this.made = {};
  }

  free(filekey) {
    return send(address("cancel"), { filekey });
  }

  keepRow() {}

  get isLasting() {
    return false;
  }

  forgetRow() {
    this.row = null;
  }
}

function add(files) {
  fault("");
  for (const file of files) {
    const sending = new Posting(file, form.dataset.key ? "box" : "open", { changed: (one) => changed(entry, one) });
    const entry = { sending, row: null };
    entry.row = new Row(file.name, file.size, {
      pause: () => sending.pause(),
      go: () => run([entry]),
      cancel: () => drop(entry),
    });
    if (file.size > form.dataset.most) {
      entry.row.say(word("This file is larger than {most}, the most that one may have.", { most: size(+form.dataset.most) }), true);
      entry.isRefused = true;
    }
    if (!fits(file)) {
      entry.row.say(word("This box takes other files: {types}.", { types: element("file").accept.replaceAll(",", ", ") }), true);
      entry.isRefused = true;
    }
    entry.row.find("progress").hidden = Boolean(entry.isRefused);
    queue.push(entry);
    element("queue").append(entry.row.element);
  }
}

/** The server cannot look at what is encrypted. */
function fits({ name, type }) {
  const { accept } = element("file");
  const isLike = (one) =>
    one.startsWith(".") ? name.toLowerCase().endsWith(one) : one.endsWith("*") ? type.startsWith(one.slice(0, -1)) : one === type;
  return !accept || accept.split(",").some(isLike);
}

async function drop(entry) {
  if (entry.sending.state !== "done") await entry.sending.cancel();
  queue.splice(queue.indexOf(entry), 1);
  entry.row.element.remove();
  element("choose").focus();
}

async function run(entries) {
  for (const { sending, isRefused } of entries) {
    if (!isRefused && sending.state !== "done" && sending.state !== "sending") await sending.run();
  }
}

function changed({ row }, sending) {
  row.show(sending);
  if (sending.state === "done") hear(word("{name} was sent.", { name: sending.file.name }));
  if (sending.state === "stopped") hear(sending.fault.message);
}

function fault(text) {
  element("fault").textContent = text;
  element("fault").hidden = !text;
}

function listen() {
  const file = element("file");
  // From now on nothing leaves but through here.
  file.removeAttribute("name");
  file.required = false;
  file.classList.add("vh");
  file.tabIndex = -1;
  file.onchange = () => {
    add([...file.files]);
    file.value = "";
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const waiting = queue.filter(({ sending, isRefused }) => !isRefused && sending.state !== "done");
    if (waiting.length) run(waiting);
    else fault(word("Choose a file."));
  };
  element("choose").hidden = false;
  element("choose").onclick = () => file.click();
  receive(add);
  addEventListener("beforeunload", (event) => {
    if (queue.some(({ sending }) => sending.state === "sending")) event.preventDefault();
  });
}

if (form) {
  const canSend = !form.dataset.key || crypto.subtle;
  form.hidden = !canSend;
  if (canSend) listen();
  else element("insecure").hidden = false;
}
