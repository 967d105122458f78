/* The bookmarklet is to be dragged: pressed here it could do nothing, and the policy would complain. */

import { say } from "./say.js";
import { word } from "./words.js";

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-drag]")) return;
  event.preventDefault();
  say({ text: word("Drag it to your bookmarks bar; it works on other pages.") });
});
