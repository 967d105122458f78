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
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
  offer(form);
  // The list of what can be filled in opens with the name's field.
  document.querySelector("[autocomplete~=webauthn]")?.addEventListener("focus", () => Date.now() - since < FRESH || offer(form));
}

async function offer(form) {
  if ("autofill" in form.dataset && (await Kind.isConditionalMediationAvailable?.())) ask(form, "conditional");
}

async function ask(form, mediation) {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  const way = form.dataset.passkey;
  const parse = way === "get" ? "parseRequestOptionsFromJSON" : "parseCreationOptionsFromJSON";
  try {
    const isFresh = Date.now() - since < FRESH;
    const options = isFresh ? JSON.parse(form.dataset.options) : await (await fetch(`${form.action}/options`, { signal })).json();
    const publicKey = Kind[parse]?.(options) ?? read(options);
    const made = await navigator.credentials[way]({ publicKey, mediation, signal });
    form.elements.credential.value = JSON.stringify(made.toJSON?.() ?? written(made));
    form.submit();
  } catch (fault) {
    if (signal.aborted || mediation) return;
    const isThere = fault.name === "InvalidStateError";
    say({ text: isThere ? word("This device has a passkey for this account already.") : word("The browser gave no passkey.") });
    offer(form);
  }
}

/* For browsers that do not read and write it themselves. */

function read(options) {
  const { challenge, user, excludeCredentials: known = [] } = options;
  return {
    ...options,
    challenge: bytes(challenge),
    ...(user && { user: { ...user, id: bytes(user.id) } }),
    excludeCredentials: known.map((one) => ({ ...one, id: bytes(one.id) })),
  };
}

function written({ id, type, rawId, response }) {
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = names.filter((name) => response[name]).map((name) => [name, text(response[name])]);
  return { id, type, rawId: text(rawId), response: Object.fromEntries(given), clientExtensionResults: {} };
}

function bytes(spelled) {
  return Uint8Array.from(atob(spelled.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt());
}

function text(buffer) {
  const raw = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return raw.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
