/* The composer of the home page: pasting anywhere, several addresses, what was made ready to copy.

   Nothing is put into the clipboard, and nothing sent, unless somebody asks for it. */

const field = () => document.getElementById("url");
const isWide = matchMedia("(min-width: 721px)").matches;

function isTyping(target) {
  return target.matches?.("input, textarea, select") || target.isContentEditable;
}

/* Several addresses need a field of several lines. */
function several(text) {
  const old = field();
  const area = document.createElement("textarea");
  for (const { name, value } of old.attributes) {
    if (!["type", "value", "data-key"].includes(name)) area.setAttribute(name, value);
  }
  area.value = text;
  old.replaceWith(area);
  return area;
}

function fill(text) {
  const lines = text.trim().split(/\s*[\r\n]+\s*/);
  const place = lines.length > 1 && field().matches("input") ? several(lines.join("\n")) : field();
  place.value = lines.join("\n");
  place.focus();
}

document.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  const files = event.clipboardData?.files ?? [];
  const into = event.target === field();
  if (!field() || (isTyping(event.target) && !into)) return;
  if (files.length && !text) return;
  if (into && !(event.target.matches("input") && !event.target.value && /\n/.test(text.trim()))) return;
  if (!text.trim()) return;
  event.preventDefault();
  fill(text);
});

/* Enter sends, also from a field of several lines that holds one; Shift+Enter begins a line. */
document.addEventListener("keydown", (event) => {
  const isSend = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  if (!isSend || event.target !== field() || !field().matches("textarea")) return;
  if (/\n/.test(field().value.trim())) return;
  event.preventDefault();
  field().form.requestSubmit();
});

/* An address that is dropped is as good as pasted. Files are dropping.js's. */
document.addEventListener("drop", (event) => {
  const text = event.dataTransfer?.getData("text/uri-list") || event.dataTransfer?.getData("text/plain");
  if (!field() || !text || event.dataTransfer.files.length || isTyping(event.target)) return;
  event.preventDefault();
  fill(text.split(/\r?\n/).filter((line) => !line.startsWith("#")).join("\n"));
});
document.addEventListener("dragover", (event) => {
  if (field() && !isTyping(event.target)) event.preventDefault();
});

/* What was made stands selected, so that Ctrl+C takes it, and Copy has the focus, so that Enter does. */
function ready() {
  const copy = document.querySelector("[data-focus]");
  const shown = document.querySelector("#made .addr");
  copy?.focus();
  if (shown) getSelection().selectAllChildren(shown);
  return copy;
}

/* Shown without its scheme, and taken with it. */
document.addEventListener("copy", (event) => {
  const made = document.getElementById("made");
  if (!made || isTyping(event.target) || !made.contains(getSelection().anchorNode)) return;
  event.preventDefault();
  event.clipboardData.setData("text/plain", document.querySelector("[data-focus]").dataset.copy);
});

if (!ready() && isWide && !field()?.form.querySelector("[aria-invalid=true]")) field()?.focus();
document.addEventListener("swapped", ready);
