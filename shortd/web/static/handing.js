/* Files that are dropped on the home page: the page that shares them takes its place, since another
   document could not be given them. */

import { receive } from "./dropping.js";
import { say } from "./say.js";
import { ask } from "./swap.js";
import { word } from "./words.js";

const team = document.querySelector(".make [name=team]")?.value;
const page = import.meta.resolve(`../share${team ? `?team=${team}` : ""}`);

async function hand(files) {
  const { response } = await ask(page, "", "GET", null);
  const fresh = response?.querySelector("main");
  if (!fresh?.querySelector("#share")) {
    say({ text: word("The server cannot be reached. Check your connection and try again.") });
    return;
  }
  document.querySelector("main").replaceWith(document.adoptNode(fresh));
  document.title = response.title;
  history.pushState(null, "", page);
  addEventListener("popstate", () => location.reload());
  const { add } = await import("./share.js");
  add(files);
}

if (document.getElementById("drop")) receive(hand);
