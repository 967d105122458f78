/* Forms with a password: `data-derive="password"` names the field, `data-again` the one that repeats
   it. What is sent in its place are both derivations that clients make, so that the server never
   sees what was typed.

   Browsers derive on secure pages alone (https, or this machine). Where they do not, or without this
   script, the form is sent as it is. This script must never keep a password or change a field. */

import { doubleSha256, hexOf, pbkdf2 } from "./derive.js";
import "./eye.js";
import { word } from "./words.js";

for (const form of document.querySelectorAll("form[data-derive]")) {
  const names = form.dataset.derive.split(" ");
  const fieldOf = (name) => form.elements[name];
  const again = form.dataset.again && fieldOf(form.dataset.again);
  const chosen = fieldOf(names.at(-1));
  if (again) {
    const compare = () => {
      const same = typed(again) === typed(chosen);
      again.setCustomValidity(same ? "" : word("These are two different passwords."));
    };
    again.addEventListener("input", compare);
    chosen.addEventListener("input", compare);
  }
  if (!globalThis.crypto?.subtle) continue;
  let derived = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    derived = [];
    for (const name of names) {
      const password = typed(fieldOf(name));
      derived.push([`${name}_pbkdf2`, hexOf(await pbkdf2(password))]);
      derived.push([`${name}_sha256`, hexOf(await doubleSha256(password))]);
    }
    form.submit();
  });
  form.addEventListener("formdata", ({ formData }) => {
    if (!derived) return;
    for (const name of [...names, form.dataset.again]) formData.delete(name);
    for (const [name, value] of derived) formData.set(name, value);
  });
  // Back from the next page, the form is as it was.
  addEventListener("pageshow", () => {
    derived = null;
    form.removeAttribute("aria-busy");
  });
}

/* One spelling for all keyboards, as the server has it where no script runs. */
function typed(field) {
  return field.value.normalize("NFC");
}
