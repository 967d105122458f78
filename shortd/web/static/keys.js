/* Single keys: what carries `data-key="n"` is pressed by `n`, and `data-key="g l"` by g, then l.
   Fields get the focus, all else a click. Lists bind keys of their own with `bind`.

   Not while somebody types, and not where the account has switched them off. */

const bound = new Map();
let first = "";
let timer;

export function bind(key, act) {
  bound.set(key, act);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.form?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.documentElement.dataset.keys === "off" || document.querySelector("dialog[open]")) return;
  const key = first ? `${first} ${event.key}` : event.key;
  first = "";
  if (press(key, event)) event.preventDefault();
  else if (starts(key)) wait(key);
});

function press(key, event) {
  const act = bound.get(key);
  if (act) return act(event) !== false;
  const found = [...document.querySelectorAll("[data-key]")].find(
    (element) => element.dataset.key === key && element.checkVisibility(),
  );
  if (!found) return false;
  if (found.matches("input:not([type=checkbox]), textarea, select")) found.focus();
  else found.click();
  return true;
}

function starts(key) {
  const begins = (other) => other.startsWith(`${key} `);
  return (
    [...bound.keys()].some(begins) ||
    [...document.querySelectorAll("[data-key]")].some((element) => begins(element.dataset.key))
  );
}

function wait(key) {
  first = key;
  clearTimeout(timer);
  timer = setTimeout(() => (first = ""), 1500);
}

function isTyping(target) {
  return (
    target.isContentEditable ||
    target.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=button])")
  );
}
