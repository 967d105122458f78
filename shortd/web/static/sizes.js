/* Bytes and spans of time in few words. */

import { word } from "./words.js";

export function size(bytes) {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 4);
  if (!power) return word("{bytes} bytes", { bytes });
  const unit = ["kB", "MB", "GB", "TB"][power - 1];
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  const shown = new Intl.NumberFormat(document.documentElement.lang, digits);
  return `${shown.format(bytes / 1000 ** power)} ${unit}`;
}

export function span(seconds) {
  const [unit, length] = [["hour", 3600], ["minute", 60]].find(([, long]) => seconds >= 2 * long) ?? ["second", 1];
  const style = { style: "unit", unit, unitDisplay: "short" };
  return new Intl.NumberFormat(document.documentElement.lang, style).format(Math.ceil(seconds / length));
}
