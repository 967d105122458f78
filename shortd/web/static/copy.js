/* Buttons that copy: `<button data-copy="text">`. Nothing gets into the clipboard unasked.

   Where browsers give no clipboard (plain http), the text is selected instead, in the field that
   `data-field` names or else in what is shown beside the button. */

import { hear } from "./say.js";
import { word } from "./words.js";

const SHOWN = 2000;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  event.preventDefault();
  copy(button);
});

export async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    tell(button, word("Copied"), "check");
  } catch {
    select(button);
    const key = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘C" : "Ctrl+C";
    tell(button, word("Press {key}", { key }));
  }
}

function tell(button, text, symbol) {
  hear("");
  hear(text);
  button.dataset.label ??= button.querySelector("span")?.textContent ?? "";
  const use = button.querySelector("use");
  const href = use?.getAttribute("href") ?? "";
  button.dataset.symbol ??= href;
  if (symbol && use) use.setAttribute("href", href.replace(/#.*/, `#${symbol}`));
  const label = button.querySelector("span");
  if (label) label.textContent = text;
  else button.title = text;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    use?.setAttribute("href", button.dataset.symbol);
    if (label) label.textContent = button.dataset.label;
    else button.removeAttribute("title");
  }, SHOWN);
}

function select(button) {
  const field = document.getElementById(button.dataset.field ?? "");
  if (field) {
    field.focus();
    field.select();
    return;
  }
  const shown = button.closest(":has(.addr)")?.querySelector(".addr");
  if (shown) getSelection().selectAllChildren(shown);
}
