/* The words of scripts: English as it stands in them, unless a catalogue's module has taught others.

   Scripts must say nothing to people but through here. */

const known = new Map();
let rule = (n) => Number(n !== 1);

export function learn(catalogue, plural) {
  for (const [text, said] of Object.entries(catalogue)) known.set(text, said);
  rule = plural;
}

export function word(text, places = {}) {
  return filled(known.get(text) ?? text, places);
}

export function words(one, many, n, places = {}) {
  const forms = known.get(one) ?? [one, many];
  const form = known.has(one) ? rule(n) : Number(n !== 1);
  return filled(forms[form] ?? forms.at(-1), { n: number(n), ...places });
}

export function number(n) {
  return new Intl.NumberFormat(document.documentElement.lang).format(n);
}

function filled(text, places) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in places ? places[name] : place));
}
