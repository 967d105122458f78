/* How a file of the queue is shown: what happens to it, how fast, and its link in the end. */

import { size, span } from "./sizes.js";
import { number, word, words } from "./words.js";

const WINDOW_MS = 8000;
const lang = document.documentElement.lang;

export class Row {
  /** `acts` has what the buttons do: pause, go, cancel. */
  constructor(name, bytes, acts) {
    const template = document.getElementById("file-row");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.bytes = bytes;
    this.points = [];
    this.find(".nm").textContent = name;
    this.find("progress").ariaLabel = name;
    const labels = { pause: word("Pause {name}", { name }), go: word("Go on with {name}", { name }) };
    labels.cancel = word("Cancel {name}", { name });
    for (const [act, label] of Object.entries(labels)) {
      const button = this.find(`[data-${act}]`);
      button.ariaLabel = label;
      button.onclick = acts[act];
    }
    this.say(size(bytes));
    this.allow("cancel");
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  allow(...acts) {
    const focused = this.element.contains(document.activeElement);
    for (const act of ["pause", "go", "cancel"]) this.find(`[data-${act}]`).hidden = !acts.includes(act);
    if (focused && !document.activeElement?.checkVisibility()) this.find("button:not([hidden])")?.focus();
  }

  say(text, isBad = false) {
    const place = this.find("[data-says]");
    if (place.textContent !== text) place.textContent = text;
    place.classList.toggle("err", isBad);
    place.classList.toggle("soft", !isBad);
  }

  note(text) {
    this.find("[data-note]").textContent = text;
    this.find("[data-note]").hidden = !text;
  }

  /** What stands in another visit's place: so much of it is there already. */
  earlier({ parts, partBytes, until, way }) {
    const there = Math.min(1, (parts.length * partBytes) / (this.bytes || 1));
    this.find("progress").value = there;
    this.say(word("{percent} % of it are here", { percent: percent(there) }));
    this.note(way === "key" ? word("Its key was on the page that you closed, so it cannot go on. Send it anew.") : again(way, until));
  }

  /** Shows how a `Sending` gets on. */
  show(sending) {
    const { state, fault, way, row, isLasting } = sending;
    const part = sending.sent / (this.bytes || 1);
    this.find("progress").value = state === "done" ? 1 : part;
    this.find("progress").hidden = state === "done";
    if (sending.isSealed) symbol(this.find(".ic use"), "file-lock");
    if (state === "sending") {
      this.allow("pause", "cancel");
      this.say(this.pace(sending));
      this.note(way === "key" ? word("Keep this page open: the key of this file is nowhere else.") : isLasting ? again(way, row.until) : "");
    } else if (state === "paused") {
      this.points = [];
      this.allow("go", "cancel");
      this.say(word("Paused at {percent} %", { percent: percent(part) }));
    } else if (state === "stopped") {
      this.points = [];
      this.allow("go", "cancel");
      this.say(fault.message || word("This does not get on. Try again later."), true);
    } else if (state === "done") this.done(sending);
  }

  pace(sending) {
    const now = performance.now();
    const { sent } = sending;
    this.points = [...this.points.filter(([at]) => now - at < WINDOW_MS), [now, sent]];
    const [[first, before]] = this.points;
    const places = { percent: percent(sent / (this.bytes || 1)) };
    const speed = ((sent - before) * 1000) / (now - first);
    if (now - first < 1000 || !(speed > 0)) return word("{percent} % sent", places);
    Object.assign(places, { pace: size(Math.round(speed)), left: span((this.bytes - sent) / speed) });
    return sending.isSealed
      ? word("Encrypting and sending, {percent} % · {pace} a second · {left} left", places)
      : word("Sending, {percent} % · {pace} a second · {left} left", places);
  }

  done(sending) {
    const { made, way, address, linkKey } = sending;
    const facts = [size(this.bytes)];
    if (sending.isSealed) facts.push(word("encrypted"));
    if (made.ends) facts.push(word("ends {when}", { when: moment(made.ends / 1000) }));
    if (made.downloads) facts.push(words("{n} download", "{n} downloads", made.downloads));
    this.allow();
    this.find("[data-ready]").hidden = false;
    this.say(facts.join(" · "));
    if (!made.short_url) return this.note("");
    this.note(
      { key: word("Whoever has the whole link can open the file. Its key is kept nowhere else: copy the link now."), password: word("Send the password another way than the link.") }[way] ?? "",
    );
    const [, host, ending] = made.short_url.match(/^\w+:\/\/(.*\/)(.*)$/);
    const shown = [text("", host), document.createElement("b"), text("key", linkKey && `#${linkKey}`)];
    shown[1].textContent = ending;
    this.find(".addr").replaceChildren(...shown);
    const copy = this.find("[data-copy]");
    copy.dataset.copy = address;
    copy.ariaLabel = word("Copy {what}", { what: made.short_url.replace(/^\w+:\/\//, "") });
    this.find(".link").hidden = false;
  }
}

function again(way, until) {
  const when = moment(until);
  return way === "password"
    ? word("You may close this page. Choose the file and type its password again before {when}, and it goes on from here.", { when })
    : word("You may close this page. Choose the file again before {when}, and it goes on from here.", { when });
}

function moment(ms) {
  return new Date(ms).toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });
}

function symbol(use, name) {
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
}

function percent(part) {
  return number(Math.floor(100 * Math.min(1, part)));
}

function text(name, said) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = said;
  return made;
}
