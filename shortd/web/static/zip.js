/* A zip of files, for what is encrypted here: stored as they are, with what ZIP64 needs. They are read
   once for the sums that stand before each, and again when a part of the zip leaves, maybe twice: no
   more than a slice of them is ever in memory. */

import { pathsOf } from "./bundle.js";

const SLICE = 1 << 20;
const FULL = 0xffffffff;
const SUMS = Uint32Array.from({ length: 256 }, (_, sum) => {
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** A zip of the members of a file. `read` gives the bytes of a slice; `signal` ends it. */
export async function zipped(file, read, signal) {
  const paths = pathsOf(file);
  const [pieces, list] = [[], []];
  let offset = 0;
  for (const [at, member] of file.members.entries()) {
    const { size } = member;
    const name = new TextEncoder().encode(paths[at]);
    const isLarge = size >= FULL;
    const isFar = isLarge || offset >= FULL;
    const short = isLarge ? FULL : size;
    const common = [2, 0x800, 2, 0, ...moment(member), 4, await sumOf(member, read, signal)];
    const extra = isLarge ? packed(2, 1, 2, 16, 8, size, 8, size) : packed();
    const far = isFar ? packed(2, 1, 2, 24, 8, size, 8, size, 8, offset) : packed();
    const lengths = (rest) => [4, short, 4, short, 2, name.length, 2, rest.byteLength];
    const head = [packed(4, 0x04034b50, 2, 45, ...common, ...lengths(extra)), name, extra];
    const all = isFar ? [4, FULL, 4, FULL, 2, name.length, 2, far.byteLength] : lengths(far);
    const place = [2, 0, 2, 0, 2, 0, 4, 0o100644 * 65536, 4, isFar ? FULL : offset];
    list.push(packed(4, 0x02014b50, 2, 0x32d, 2, 45, ...common, ...all, ...place), name, far);
    pieces.push(...head, member);
    offset += length(head) + size;
  }
  const [count, start] = [file.members.length, offset];
  const size = length(list);
  if (start >= FULL) {
    const end = start + size;
    list.push(packed(4, 0x06064b50, 8, 44, 2, 45, 2, 45, 4, 0, 4, 0, 8, count, 8, count, 8, size, 8, start));
    list.push(packed(4, 0x07064b50, 4, 0, 8, end, 4, 1));
  }
  list.push(packed(4, 0x06054b50, 2, 0, 2, 0, 2, count, 2, count, 4, size, 4, Math.min(start, FULL), 2, 0));
  const { type, name } = file;
  return Object.assign(new File([...pieces, ...list], `${name}.zip`, { type }), { isFleeting: true });
}

async function sumOf(file, read, signal) {
  let sum = -1;
  for (let at = 0; at < file.size; at += SLICE) {
    signal.throwIfAborted();
    const bytes = new Uint8Array(await read(file.slice(at, at + SLICE)));
    for (let n = 0; n < bytes.length; n += 1) sum = SUMS[(sum ^ bytes[n]) & 255] ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}

/** When a file was changed, in the local time of who sends it. */
function moment({ lastModified }) {
  const at = new Date(Math.max(lastModified, new Date(1980, 0, 1)));
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  return [2, time, 2, ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate()];
}

/** Numbers behind the count of their bytes, the lowest byte first. */
function packed(...fields) {
  const bytes = [];
  for (let at = 0; at < fields.length; at += 2) {
    let rest = fields[at + 1];
    for (let n = 0; n < fields[at]; n += 1) {
      bytes.push(rest % 256);
      rest = Math.floor(rest / 256);
    }
  }
  return Uint8Array.from(bytes);
}

const length = (parts) => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
