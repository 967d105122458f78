/* Forms of passkeys: `data-passkey="get"` is answered by one that is there, "create" by a new one, and
   `data-options` is what the browser is asked for, as long as it is fresh. Its answer goes into the field
   `credential`.

   A form with `data-autofill` is offered in the autofill of the name, too. Where browsers have no
   passkeys, or without this script, these forms stay hidden: there is the password. */

import { say } from "./say.js";
import { word } from "./words.js";

const Kind = globalThis.PublicKeyCredential;
const FRESH = 9 * 60e3;
const since = Date.now();
let waiting = null;

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!Kind) continue;
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    ask(form);
  };
  offer(form);
  // The list of what can be filled in opens with the name's field.
  document.querySelector("[autocomplete~=webauthn]")?.addEventListener("focus", () => isFresh() || offer(form));
}

function isFresh() {
  return Date.now() - since < FRESH;
}

async function offer(form) {
  if ("autofill" in form.dataset && (await Kind.isConditionalMediationAvailable?.())) ask(form, "conditional");
}

async function ask(form, mediation) {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  const way = form.dataset.passkey;
  try {
    const options = isFresh() ? JSON.parse(form.dataset.options) : await (await fetch(`${form.action}/options`)).json();
    const parse = `parse${way === "get" ? "Request" : "Creation"}OptionsFromJSON`;
    const publicKey = Kind[parse]?.(options) ?? read(options);
    const made = await navigator.credentials[way]({ publicKey, mediation, signal });
    form.elements.credential.value = JSON.stringify(made.toJSON?.() ?? written(made));
    form.submit();
  } catch ({ name }) {
    if (signal.aborted || mediation) return;
    const text = name === "InvalidStateError" ? word("This device has a passkey for this account already.") : word("The browser gave no passkey.");
    say({ text });
    offer(form);
  }
}

/* For browsers that do not read and write it themselves. */

function read(options) {
  const withBytes = (one) => one && { ...one, id: bytes(one.id) };
  return {
    ...options,
    challenge: bytes(options.challenge),
    user: withBytes(options.user),
    excludeCredentials: options.excludeCredentials?.map(withBytes),
  };
}

function written({ id, type, response }) {
  const given = {};
  for (const name in response) if (response[name] instanceof ArrayBuffer) given[name] = text(response[name]);
  return { id, rawId: id, type, response: given };
}

function bytes(spelled) {
  return Uint8Array.from(atob(spelled.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt());
}

function text(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
