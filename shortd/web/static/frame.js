/* What every page of who makes links has: copying, keys, times, parts that change by themselves. */

import "./copy.js";
import "./ending.js";
import "./keys.js";
import "./swap.js";
import "./when.js";

// On a phone the tab of this page may stand beyond the edge.
const tab = document.querySelector(".tabs [aria-current]");
tab?.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
