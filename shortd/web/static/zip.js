/* Zips that are made here, of files that are to be encrypted or were decrypted: stored as they are,
   with what ZIP64 needs. No more than a slice of a file is ever in memory. */

import { pathsOf } from "./bundle.js";

const SLICE = 1 << 20;
const FULL = 0xffffffff;
const SUMS = Uint32Array.from({ length: 256 }, (_, sum) => {
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** A zip while it is written: what stands before each file, behind it, and at the end. */
class Zip {
  list = [];
  count = 0;
  offset = 0;

  /** Pieces before the bytes of a file. If their sum is not known yet, `tail` stands behind them. */
  head(path, { size, lastModified }, sum) {
    const { offset } = this;
    const name = new TextEncoder().encode(path);
    const isLate = sum === undefined;
    const isLarge = size >= FULL;
    const isFar = isLarge || offset >= FULL;
    const told = isLate ? 0 : size;
    const common = (sum, size, extra) => {
      const short = extra.length ? FULL : size;
      const sizes = [4, short, 4, short, 2, name.length, 2, extra.length];
      return [2, 45, 2, isLate ? 0x808 : 0x800, 2, 0, ...moment(lastModified), 4, sum, ...sizes];
    };
    const extra = isLarge ? packed(2, 1, 2, 16, 8, told, 8, told) : packed();
    const far = isFar ? packed(2, 1, 2, 24, 8, size, 8, size, 8, offset) : packed();
    const place = [2, 0, 2, 0, 2, 0, 4, 0o100644 * 65536, 4, isFar ? FULL : offset];
    const enlist = (sum) =>
      this.list.push(packed(4, 0x02014b50, 2, 0x32d, ...common(sum, size, far), ...place), name, far);
    const head = [packed(4, 0x04034b50, ...common(sum ?? 0, told, extra)), name, extra];
    this.offset += length(head) + size;
    this.count += 1;
    if (!isLate) enlist(sum);
    this.tail = (sum) => {
      enlist(sum);
      const width = isLarge ? 8 : 4;
      const tail = packed(4, 0x08074b50, 4, sum, width, size, width, size);
      this.offset += tail.length;
      return tail;
    };
    return head;
  }

  /** Pieces of the list of all files. */
  end() {
    const { list, count, offset: start } = this;
    const size = length(list);
    if (start >= FULL) {
      const end = start + size;
      list.push(packed(4, 0x06064b50, 8, 44, 2, 45, 2, 45, 4, 0, 4, 0, 8, count, 8, count, 8, size, 8, start));
      list.push(packed(4, 0x07064b50, 4, 0, 8, end, 4, 1));
    }
    list.push(packed(4, 0x06054b50, 2, 0, 2, 0, 2, count, 2, count, 4, size, 4, Math.min(start, FULL), 2, 0));
    return list;
  }
}

/** A zip of the members of a file, which are read once for the sums that stand before each, and again
    when a part of the zip leaves, maybe twice. `read` gives the bytes of a slice; `signal` ends it. */
export async function zipped(file, read, signal) {
  const [zip, pieces, paths] = [new Zip(), [], pathsOf(file)];
  for (const [at, member] of file.members.entries()) {
    pieces.push(...zip.head(paths[at], member, await sumOf(member, read, signal)), member);
  }
  const { type, name } = file;
  return Object.assign(new File([...pieces, ...zip.end()], `${name}.zip`, { type }), { isFleeting: true });
}

/** Writes a zip of members to a stream, each once: `open` gives the stream of its bytes. */
export async function zipInto(target, members, open, signal) {
  const [zip, paths] = [new Zip(), pathsOf({ members })];
  const write = async (pieces) => {
    const writer = target.getWriter();
    for (const piece of pieces) await writer.write(piece);
    writer.releaseLock();
  };
  for (const [at, member] of members.entries()) {
    let sum = -1;
    const adding = new TransformStream({
      transform(bytes, controller) {
        sum = added(sum, bytes);
        controller.enqueue(bytes);
      },
    });
    await write(zip.head(paths[at], member));
    const bytes = await open(member);
    await bytes.pipeThrough(adding).pipeTo(target, { preventClose: true, preventAbort: true, signal });
    await write([zip.tail(~sum >>> 0)]);
  }
  await write(zip.end());
  await target.close();
}

function added(sum, bytes) {
  for (let n = 0; n < bytes.length; n += 1) sum = SUMS[(sum ^ bytes[n]) & 255] ^ (sum >>> 8);
  return sum;
}

async function sumOf(file, read, signal) {
  let sum = -1;
  for (let at = 0; at < file.size; at += SLICE) {
    signal.throwIfAborted();
    sum = added(sum, new Uint8Array(await read(file.slice(at, at + SLICE))));
  }
  return ~sum >>> 0;
}

/** When a file was changed, in the local time of who sends it. */
function moment(lastModified) {
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
