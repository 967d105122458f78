/* Counts as they change, of the links of a page: by server-sent events while the tab is seen, else by
   asking now and then. */

const ASKED = 10000;
let ids = [];
let told = () => {};
let source;
let timer;

/* Calls `show` with counts by link id, from now on and for these links alone. */
export function follow(links, show) {
  ids = links;
  told = show;
  stop();
  if (!document.hidden) start();
}

function start() {
  if (!ids.length) return;
  source = new EventSource(import.meta.resolve(`../live?ids=${ids.join(",")}`));
  source.addEventListener("counts", (event) => told(JSON.parse(event.data)));
  source.addEventListener("over", stop);
  source.onerror = () => {
    // Refused, or ended: the browser would ask at once, again and again.
    stop();
    timer = setTimeout(ask, ASKED);
  };
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(import.meta.resolve(`../live?once=1&ids=${ids.join(",")}`), { credentials: "same-origin" });
    if (answer.status === 401 || answer.status === 403) return;
    if (answer.ok) told(await answer.json());
  } catch {
    // The server is not there at this moment.
  }
  timer = setTimeout(ask, ASKED);
}

function stop() {
  source?.close();
  source = undefined;
  clearTimeout(timer);
}

document.addEventListener("visibilitychange", () => {
  stop();
  if (!document.hidden) start();
});
addEventListener("pagehide", stop);
