/* The message bar, and what only screen readers hear. Both regions stand in the page from the start.

   A message is text; this module must never make markup of what it is given. */

import { word } from "./words.js";

const SECONDS = 10;
let timer;

const bar = () => document.getElementById("say");

/* Shows a message: `{ text, link, undo }`, where `{link}` in the text stands for the short link and
   `undo` is the path that a POST undoes it at. */
export function say({ text, link = "", undo = "" }) {
  const line = document.createElement("span");
  const [before, after = ""] = text.split("{link}");
  line.append(before);
  if (link) line.append(address(link));
  line.append(after);
  show(line, ...(undo ? [undoForm(undo)] : []));
}

/* Shows the message that came with a page or a part of one, if there is one. */
export function sayFrom(answer) {
  const said = answer.querySelector("#say, [data-said]");
  if (said?.firstElementChild) show(...[...said.children].map((child) => document.adoptNode(child)));
}

/* Tells screen readers what sighted people see anyway. */
export function hear(text) {
  document.getElementById("heard").textContent = text;
}

function show(...parts) {
  bar().replaceChildren(...parts);
  wait();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (bar().matches(":hover, :focus-within")) wait();
    else bar().replaceChildren();
  }, SECONDS * 1000);
}

function address(url) {
  const shown = document.createElement("span");
  shown.className = "addr";
  shown.translate = false;
  shown.textContent = url.replace(/^https?:\/\//, "");
  return shown;
}

function undoForm(path) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;
  const button = document.createElement("button");
  button.dataset.key = "u";
  button.textContent = word("Undo");
  const key = document.createElement("kbd");
  key.textContent = "u";
  key.ariaHidden = "true";
  button.append(" ", key);
  form.append(button);
  return form;
}

if (bar()?.firstElementChild) wait();
