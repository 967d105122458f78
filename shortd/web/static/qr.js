/* The look of a QR code: what is chosen is shown at once, and the picture can be copied. */

import { say } from "./say.js";
import { word } from "./words.js";

function prepare(root = document) {
  for (const button of root.querySelectorAll("[data-picture]")) {
    button.hidden = !(window.ClipboardItem && navigator.clipboard?.write);
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-part=designer]");
  if (form) form.requestSubmit(form.querySelector("button:not([formmethod])"));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-picture]");
  if (!button) return;
  const picture = fetch(button.dataset.picture).then((answer) => answer.blob());
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
    say({ text: word("The picture is in the clipboard.") });
  } catch {
    say({ text: word("The browser did not let the picture be copied. Save it instead.") });
  }
});

document.addEventListener("swapped", (event) => prepare(event.target));
prepare();
