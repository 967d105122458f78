/* A link's numbers as they move: the count ever at once, the rest asked for anew now and then. */

import { follow } from "./live.js";
import { swap } from "./swap.js";
import { number } from "./words.js";

const PAUSE = 5000;
const MINUTE = 60000;
let timer;
let due = Infinity;

const numbers = () => document.getElementById("numbers");

function show(counts) {
  const { link, ever } = numbers().dataset;
  const count = counts[link];
  if (count === undefined || count === Number(ever)) return;
  const place = document.getElementById("ever");
  if (place) place.textContent = number(count);
  ask(PAUSE);
}

/* Once, after so many milliseconds at the latest. */
function ask(ms) {
  if (performance.now() + ms >= due) return;
  due = performance.now() + ms;
  clearTimeout(timer);
  timer = setTimeout(renew, ms);
}

async function renew() {
  due = Infinity;
  // Nothing is taken from under somebody's pointer or focus.
  const place = numbers();
  const isUsed = place.contains(document.activeElement) || place.querySelector(".plot:hover, details[open]");
  if (isUsed || document.hidden) return ask(PAUSE);
  await swap(location.href, "numbers");
}

/* Who clicked in the last minute is not there for ever. */
function begin() {
  if (Number(numbers().dataset.recent)) ask(MINUTE);
}

document.addEventListener("swapped", begin);
begin();
follow([numbers().dataset.link], show);
