/* The search of the reference: what does not have all the words is hidden. Everything is in the page,
   so nothing is asked of the server, and who has no scripts sees all of it. */

const seek = document.querySelector("#seek");
const field = document.querySelector("#sought");
const found = document.querySelector("#found");
const places = [...document.querySelectorAll(".docs article, .docs tr[id]")].map((place) => ({
  place,
  text: place.textContent.toLowerCase(),
  entry: document.querySelector(`.contents a[href="#${place.querySelector("h3")?.id}"]`)?.closest("li"),
}));
const groups = [...document.querySelectorAll(".contents div")];
const sections = [...document.querySelectorAll(".docs section")];

function show() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let calls = 0;
  for (const { place, text, entry } of places) {
    const fits = words.every((word) => text.includes(word));
    place.hidden = !fits;
    if (entry) entry.hidden = !fits;
    calls += fits && Boolean(entry);
  }
  for (const group of groups) group.hidden = !group.querySelector("li:not([hidden])");
  for (const section of sections) {
    section.hidden = words.length > 0 && !section.querySelector("article:not([hidden]), tr[id]:not([hidden])");
  }
  found.textContent = words.length ? `${calls} found` : "";
}

/* A link leads to what it names, also to what is hidden at the moment. */
function reveal() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target || !target.closest("[hidden]")) return;
  field.value = "";
  show();
  target.scrollIntoView();
}

field.addEventListener("input", show);
field.addEventListener("keydown", (event) => {
  const first = places.find(({ place, entry }) => entry && !place.hidden);
  if (event.key === "Enter" && first) location.hash = first.place.querySelector("h3").id;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === field || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
});
addEventListener("hashchange", reveal);
seek.hidden = false;
/* Browsers keep what stood in the field when somebody comes back. */
show();
reveal();
