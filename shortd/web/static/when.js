/* Times in the reader's own zone, in the language of the page. Without this script they are UTC. */

const lang = document.documentElement.lang;
const STEPS = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export function when(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    if ("date" in time.dataset) {
      time.textContent = day(moment, "UTC");
      continue;
    }
    const whole = moment.toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });
    if ("ago" in time.dataset) time.textContent = ago(moment);
    else if ("day" in time.dataset) time.textContent = day(moment);
    else time.textContent = whole;
    if (time.textContent !== whole) time.title = whole;
  }
}

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? STEPS.at(-1);
  const spoken = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  return spoken.format(Math.trunc(seconds / size), unit);
}

function day(moment, timeZone) {
  const thisYear = moment.getFullYear() === new Date().getFullYear();
  const year = thisYear ? {} : { year: "numeric" };
  return moment.toLocaleDateString(lang, { day: "numeric", month: "short", timeZone, ...year });
}

when();
document.addEventListener("swapped", (event) => when(event.target));
