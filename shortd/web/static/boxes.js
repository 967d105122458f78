/* The owner's pages of boxes. The private key of an encrypted box is made here and stands behind the "#"
   of the box's own page, which browsers never send; this script must never put it anywhere else. */

import { newKeys, openWith } from "./boxkeys.js";
import "./copy.js";
import { chooseTarget } from "./saving.js";
import { Damaged, opener } from "./sealed.js";
import { word } from "./words.js";

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
  for (const row of page.querySelectorAll("[data-item]")) await read(row, privateKey, key);
}

async function read(row, privateKey, key) {
  const { sender, label, size, item } = row.dataset;
  const opened = await openWith(privateKey, key, sender, label);
  if (!opened) {
    element("no-key").hidden = false;
    return;
  }
  const { name, note } = opened.said;
  row.querySelector("[data-name]").textContent = name;
  row.querySelector("[data-note]").textContent = note;
  row.querySelector("[data-note]").hidden = !note;
  row.querySelector("form button").ariaLabel = word("Delete {name}", { name });
  const button = row.querySelector("[data-save]");
  button.disabled = false;
  button.ariaLabel = word("Save {name}", { name });
  button.onclick = () => save(row, item, name, opened.fileKey, Number(size));
}

async function save(row, item, name, fileKey, size) {
  const says = row.querySelector("[data-says]");
  const tell = (text) => (says.textContent = ` · ${text}`);
  let target;
  try {
    target = await chooseTarget(name);
    tell(word("Downloading and decrypting…"));
    const answer = await fetch(`${location.pathname}/files/${item}`, { redirect: "error" });
    if (!answer.ok) throw new TypeError();
    await answer.body.pipeThrough(opener(fileKey, size)).pipeTo(target.stream);
    tell(await target.finish());
  } catch (fault) {
    await target?.stream.abort().catch(() => {});
    await target?.discard().catch(() => {});
    if (fault.name === "AbortError") return;
    tell(
      fault instanceof Damaged
        ? word("The file is damaged or was tampered with. Nothing was saved.")
        : word("The connection broke. Nothing was saved; try again."),
    );
  }
}

if (element("new-box")) making(element("new-box"));
if (element("one-box")) reading(element("one-box"));
