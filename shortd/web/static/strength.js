/* How many bits a password may have, rather too few than too many, and passwords made up here. */

const MADE = 6;

/** A word counts by how many there are, not by its letters; what repeats counts once. */
export function bitsOf(password) {
  const runs = password.normalize("NFC").match(/\p{L}+|\p{N}+|[^\p{L}\p{N}]/gu) ?? [];
  return [...new Set(runs.map((run) => run.toLowerCase()))].reduce((sum, run) => sum + bitsOfRun(run), 0);
}

function bitsOfRun(run) {
  if (/^\p{L}/u.test(run)) return run.length < 3 ? 4 * run.length : Math.min(4 * run.length, 9 + run.length / 2);
  if (/^\p{N}/u.test(run)) return run.length < 4 ? 3 * run.length : 8 + (run.length - 4);
  return 2;
}

/** Six different words of a list: of 1296, that is 62 bits. */
export async function sixWords(address) {
  const list = (await (await fetch(address)).text()).trim().split(/\s+/);
  const made = new Set();
  while (made.size < MADE) made.add(list[drawn(list.length)]);
  return [...made].join("-");
}

function drawn(count) {
  const fair = 2 ** 32 - (2 ** 32 % count);
  for (;;) {
    const [number] = crypto.getRandomValues(new Uint32Array(1));
    if (number < fair) return number % count;
  }
}
