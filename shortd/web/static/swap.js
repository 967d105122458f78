/* Forms and links that change one part of the page: `data-part="row-17"` on a form, a button or a
   link. Without this script they load the whole page.

   The answer is parsed as a document of its own, in which no script runs, and moved over node by
   node: this module must never write markup. */

import { say, sayFrom } from "./say.js";
import { word } from "./words.js";

const turns = {};
let shown = location.href;

/* Asks for `part` and puts it in its place. Resolves to the answer's document, or null if there was
   none, or it came when the part had been asked for again. `push` gives the page the address that was asked. */
export async function swap(address, part, { method = "GET", body = null, push = false } = {}) {
  const place = document.getElementById(part);
  place?.setAttribute("aria-busy", "true");
  const turn = (turns[part] = (turns[part] ?? 0) + 1);
  const request = await ask(address, part, method, body);
  const answer = request.response;
  if (method === "GET" && turns[part] > turn) return null;
  if (!answer) {
    place?.removeAttribute("aria-busy");
    say({ text: word("The server cannot be reached. Check your connection and try again.") });
    return null;
  }
  const fresh = answer.getElementById(part);
  if (fresh) put(part, fresh);
  else if (request.status < 400 && !answer.querySelector("h1")) document.getElementById(part)?.remove();
  else {
    // Another page than was asked for: the form for signing in, or a refusal.
    if (method === "POST") send(address, body);
    else location.assign(request.responseURL);
    return null;
  }
  sayFrom(answer);
  if (push) history.pushState({ part }, "", (shown = request.responseURL));
  return answer;
}

/* The request, once it is answered or failed; its answer is a document. */
export function ask(address, part, method, body) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("Shortd-Part", part);
    request.onloadend = () => resolve(request);
    request.send(body);
  });
}

/* Puts a part in the place of the one of its name, and the focus where it was. */
export function put(part, fresh) {
  const old = document.getElementById(part);
  if (!old) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const mark = focused && (focused.id || focused.name || focused.getAttribute("aria-label"));
  old.replaceWith(document.adoptNode(fresh));
  if (focused) focusIn(fresh, focused, mark);
  fresh.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
}

/* Sends fields as a form without scripts does. */
function send(action, fields) {
  const form = Object.assign(document.createElement("form"), { method: "post", action, hidden: true });
  for (const [name, value] of fields) form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}

function focusIn(fresh, focused, mark) {
  const wrong = fresh.querySelector("[aria-invalid=true]");
  const alike = [...fresh.querySelectorAll(focused.tagName)].find(
    (other) => mark && mark === (other.id || other.name || other.getAttribute("aria-label")),
  );
  const next = wrong ?? fresh.querySelector("[data-focus]") ?? alike ?? fresh.querySelector("a, button, input") ?? fresh;
  if (next === fresh) fresh.tabIndex = -1;
  next.focus();
  if (next.setSelectionRange && focused.selectionStart != null) {
    next.setSelectionRange(focused.selectionStart, focused.selectionEnd);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  const part = button?.dataset.part ?? form.dataset.part;
  if (!part || event.defaultPrevented || form.enctype === "multipart/form-data") return;
  event.preventDefault();
  const given = new URLSearchParams(new FormData(form, button));
  const address = new URL(button?.hasAttribute("formaction") ? button.formAction : form.action);
  if (form.method === "post") swap(address, part, { method: "POST", body: given });
  else {
    address.search = given;
    swap(address, part, { push: true });
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-part]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  swap(link.href, link.dataset.part, { push: true });
});

addEventListener("popstate", (event) => {
  // A jump within the page changes nothing but the fragment.
  const same = shown.split("#")[0] === location.href.split("#")[0];
  shown = location.href;
  if (!same) event.state?.part ? swap(location.href, event.state.part) : location.reload();
});
