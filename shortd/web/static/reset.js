/* The page /-/reset: derives the new password as clients do, so that the server never sees it.

   Browsers derive on secure pages alone (https, or this machine). Where they do not, or without
   this script, the form is sent as it is, and the server derives. This script must never send
   the password, ask another origin for anything, or write markup. */

import { doubleSha256, hexOf, pbkdf2 } from "./derive.js";
import { word } from "./words.js";

const DIFFERENT = word("These are two different passwords.");
const UNREACHABLE = word("The server cannot be reached. Check your connection and try again.");

const element = (id) => document.getElementById(id);

function say(words, isBad = false) {
  element("status").textContent = words;
  element("status").classList.toggle("bad", isBad);
}

async function call(name, inputs) {
  const options = { method: "POST", body: JSON.stringify(inputs), cache: "no-store" };
  const response = await fetch(`/v2/${name}`, options);
  const { output, error } = await response.json();
  if (error) throw new Error(error.message);
  return output;
}

async function reset(form) {
  const { email, code, password, again } = form.elements;
  // One spelling for all keyboards, as the server has it where no script runs.
  const typed = password.value.normalize("NFC");
  if (typed !== again.value.normalize("NFC")) {
    say(DIFFERENT, true);
    again.focus();
    return;
  }
  element("submit").disabled = true;
  say(word("Setting the password…"));
  try {
    const { userid, token } = await call("reset_password", {
      email: email.value,
      unique_code: code.value,
      password: hexOf(await pbkdf2(typed)),
      password_alt: hexOf(await doubleSha256(typed)),
    });
    form.reset();
    form.hidden = true;
    element("done").hidden = false;
    element("done").focus();
    say("");
    // This page has no use for the login that comes with a new password.
    await call("logout", { userid, token }).catch(() => {});
  } catch (fault) {
    say(fault instanceof TypeError ? UNREACHABLE : fault.message, true);
    element("submit").disabled = false;
  }
}

const form = element("reset");
if (crypto.subtle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reset(form);
  });
}
