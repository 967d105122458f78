/* What every page of who makes links has: copying, keys, times, parts that change by themselves. */

import "./copy.js";
import "./ending.js";
import "./keys.js";
import "./swap.js";
import "./when.js";
