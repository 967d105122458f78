/* The owner's pages of boxes. The private key of an encrypted box is made here and stands behind the "#"
   of the box's own page, which browsers never send; this script must never put it anywhere else. */

import { newKeys, openWith } from "./boxkeys.js";
import "./copy.js";
import { LARGE, Told, faultInWords, isInMemory, save } from "./saving.js";
import { hear } from "./say.js";
import { Damaged, opener } from "./sealed.js";
import { size } from "./sizes.js";
import { word } from "./words.js";
import { zipInto } from "./zip.js";

const REDRAW_MS = 200;

const element = (id) => document.getElementById(id);

/** The form of a new box: a redirect keeps what stands behind the "#" of where the form goes. */
function making(form) {
  const sealed = form.querySelector("[value=sealed]");
  sealed.disabled = !crypto.subtle;
  form.onsubmit = async (event) => {
    if (!sealed.checked) return;
    event.preventDefault();
    if (form.ariaBusy) return;
    form.ariaBusy = "true";
    const { publicKey, privateKey } = await newKeys();
    element("public_key").value = publicKey;
    form.action = import.meta.resolve(`../boxes#${privateKey}`);
    form.submit();
  };
}

async function reading(page) {
  const { key } = page.dataset;
  const privateKey = location.hash.slice(1);
  if (!key) return;
  element("own-link").hidden ||= !privateKey;
  element("no-key").hidden = Boolean(privateKey);
  if (!privateKey || !crypto.subtle) return;
  element("own").value = location.href;
  element("own-link").querySelector("[data-copy]").dataset.copy = location.href;
  for (const form of document.forms) if (form.method === "post") form.action += location.hash;
  const rows = [...page.querySelectorAll("[data-item]")].reverse();
  const files = (await Promise.all(rows.map((row) => read(row, privateKey, key)))).filter(Boolean);
  element("no-key").hidden = files.length > 0 || !rows.length;
  if (files.length) offerAll(files, page.querySelector("h1").textContent);
}

/** A file whose label could be opened. */
async function read(row, privateKey, key) {
  const { sender, label, bytes, item, time } = row.dataset;
  const says = row.querySelector("[data-says]");
  const opened = await openWith(privateKey, key, sender, label);
  const tell = (text) => (says.textContent = ` · ${text}`);
  if (!opened) {
    tell(word("cannot be opened"));
    return null;
  }
  const { note, fileKey } = opened;
  const name = opened.name || "_";
  row.querySelector("[data-name]").textContent = name;
  row.querySelector("[data-note]").textContent = note;
  row.querySelector("[data-note]").hidden = !note;
  row.querySelector("form button").ariaLabel = word("Delete {name}", { name });
  const file = {
    // One name, however it is spelled, and such that it can be a file's.
    path: name.replaceAll("/", "_").replace(/^(.{60}).*(.{20})$/s, "$1$2"),
    size: Number(bytes),
    lastModified: Number(time),
    async open(signal) {
      const answer = await fetch(`${location.pathname}/files/${item}`, { redirect: "error", signal });
      if (answer.status === 404) throw new Told(word("{name} is gone. Load this page again.", { name }));
      if (!answer.ok) throw new TypeError();
      return answer.body.pipeThrough(opener(fileKey, this.size));
    },
    damaged: () => new Told(word("{name} is damaged or was tampered with: all others are saved when you try again.", { name })),
  };
  const button = row.querySelector("[data-save]");
  button.disabled = false;
  button.ariaLabel = word("Save {name}", { name });
  button.onclick = () => take(name, tell, async (stream) => (await file.open()).pipeTo(stream));
  return file;
}

/** Everything as one zip, which is made here: names and contents are known nowhere else. */
function offerAll(files, name) {
  const [button, stop, says] = ["all", "stop", "all-says"].map(element);
  const total = () => files.reduce((sum, file) => sum + file.size, 0);
  const tell = (text) => (says.textContent = text);
  const turn = (isBusy) => {
    [button.hidden, stop.hidden] = [isBusy, !isBusy];
    button.disabled = !files.length;
    (isBusy ? stop : button).focus();
  };
  button.disabled = false;
  element("large").hidden = !isInMemory() || total() < LARGE;
  button.onclick = async () => {
    const stopping = new AbortController();
    const { signal } = stopping;
    stop.onclick = () => stopping.abort();
    let [at, done, drawn] = [0, 0, 0];
    const meter = () =>
      new TransformStream({
        transform(chunk, controller) {
          controller.enqueue(chunk);
          done += chunk.length;
          if (performance.now() - drawn < REDRAW_MS) return;
          drawn = performance.now();
          tell(`${size(done)} / ${size(total())}`);
        },
      });
    const open = async (file) => {
      at = files.indexOf(file);
      return (await file.open(signal)).pipeThrough(meter());
    };
    const write = async (stream) => {
      turn(true);
      try {
        await zipInto(stream, files, open, signal);
      } catch (fault) {
        if (!(fault instanceof Damaged)) throw fault;
        // Whoever sends one that cannot be opened must not keep the others from their owner.
        throw files.splice(at, 1)[0].damaged();
      }
    };
    await take(`${name}.zip`, tell, write);
    turn(false);
  };
}

async function take(name, tell, write) {
  tell(word("Downloading and decrypting…"));
  const said = await save(name, write).catch(faultInWords);
  tell(said);
  hear(said);
}

if (element("new-box")) making(element("new-box"));
if (element("one-box")) reading(element("one-box"));
