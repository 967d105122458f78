/* Says that the login is about to end, two minutes before. */

import { say } from "./say.js";
import { word } from "./words.js";

const BEFORE = 120000;
const LONGEST = 2 ** 31 - 1;
const left = Number(document.querySelector("[data-left]")?.dataset.left ?? Infinity);

// Browsers count no further, and no page stays open for so long.
if (left < LONGEST) {
  setTimeout(
    () => say({ text: word("Your login ends in two minutes. What you type is not lost: sign in again as you send it.") }),
    Math.max(0, left - BEFORE),
  );
}
