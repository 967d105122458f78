/* One file on its way: sealed here if it is to be, sent in parts, gone on with after a while.

   Parts are whole frames, each sealed only when it leaves, and again when it leaves again. This
   module must never send plain bytes of a file that is to be encrypted, or mix two keys in one. */

import { entriesOf, typeOf } from "./bundle.js";
import { Refused, call, send } from "./calls.js";
import { hexOf } from "./derive.js";
import { newLinkKey, newSeal, sealFrame, solve } from "./sealed.js";
import { forget, keep, samplesOf } from "./uploads.js";
import { word } from "./words.js";
import { zipped } from "./zip.js";

const FRAME = 1 << 20;
const PART = 8 << 20;
const MOST_PARTS = 4000;
const SIDE_BY_SIDE = 3;
const TRIES = 5;
const FIRST_WAIT = 1;

/** `way` is "open", "key" or "password"; `terms` are fields of the link, asked for at the end. */
export class Sending {
  constructor(file, way, { password = "", terms, changed }) {
    Object.assign(this, { file, way, password, terms, changed });
    this.state = "waiting";
    this.fault = null;
    this.linkKey = way === "key" ? newLinkKey() : "";
    this.row = null;
    this.made = null;
    this.coming = new Map();
  }

  get isSealed() {
    return this.way !== "open";
  }

  get sent() {
    const { parts, partBytes } = this.row ?? { parts: [] };
    const there = parts.reduce((sum, n) => sum + this.sizeOf(n, partBytes), 0);
    return Math.min(this.file.size, [...this.coming.values()].reduce((sum, n) => sum + n, there));
  }

  sizeOf(number, partBytes) {
    return Math.min(partBytes, this.file.size - number * partBytes);
  }

  /** Goes on with what an earlier visit has sent. False if this is not its password. */
  async resume(row) {
    if (row.signature) {
      const solved = await solve(row.signature, this.password);
      if (solved?.challenge !== row.challenge) return false;
      this.seal = { ...solved, signature: row.signature };
    }
    this.row = row;
    return true;
  }

  /** Until it is done, paused, or does not get on. */
  async run() {
    this.stopping = new AbortController();
    this.turn("sending");
    try {
      await this.begin();
      await this.sendParts();
      await this.finish();
      this.turn("done");
    } catch (fault) {
      this.coming.clear();
      if (fault.name === "AbortError") return;
      if (fault.code === "upload_not_found" && this.row) await this.forgetRow();
      this.turn("stopped", fault);
    }
  }

  pause() {
    this.stopping?.abort();
    this.turn("paused");
  }

  async cancel() {
    this.stopping?.abort();
    this.turn("cancelled");
    const { filekey } = this.row ?? {};
    if (!filekey) return;
    await this.free(filekey).catch(() => {});
    await this.forgetRow();
  }

  turn(state, fault = null) {
    Object.assign(this, { state, fault });
    this.changed(this);
  }

  async begin() {
    if (this.row) return;
    const { isSealed } = this;
    if (isSealed && this.file.members) this.file = await zipped(this.file, read, this.stopping.signal);
    const { file } = this;
    await this.patiently(() => send(import.meta.resolve("../share/begin"), this.terms, this.options));
    if (isSealed) this.seal ??= await newSeal({ password: this.password, linkKey: this.linkKey });
    const described = { filename: nameOf(file), filesize: file.size, filetype: typeOf(file) };
    const begun = await this.patiently(() => call("file_part_initialize", described, this.options));
    const grown = Math.ceil(file.size / MOST_PARTS / PART) * PART;
    this.row = {
      filekey: begun.filekey,
      name: file.name,
      size: file.size,
      changed: file.lastModified,
      samples: await samplesOf(file),
      partBytes: Math.max(PART, grown),
      parts: [],
      until: Date.now() + (begun.expiration_utime - begun.utime) / 1000,
      way: this.way,
      challenge: this.seal?.challenge ?? "",
      signature: this.seal?.signature ?? "",
      isFolder: Boolean(file.members),
    };
    await this.keepRow();
  }

  async sendParts() {
    const { row, file, isSealed } = this;
    const count = Math.max(Math.ceil(file.size / row.partBytes), isSealed ? 1 : 0);
    const missing = [...Array(count).keys()].filter((n) => !row.parts.includes(n)).values();
    const work = async () => {
      for (const number of missing) await this.sendPart(number);
    };
    try {
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    } catch (fault) {
      // The others must not go on without it.
      this.stopping.abort();
      throw fault;
    }
  }

  async sendPart(number) {
    const { row } = this;
    const size = this.sizeOf(number, row.partBytes);
    const part = await this.patiently(async () => {
      const body = await this.partOf(number);
      const onsent = (bytes) => {
        this.coming.set(number, Math.min(bytes, size));
        this.changed(this);
      };
      const got = await this.post(row, number, body, { ...this.options, onsent });
      const sha256 = crypto.subtle && hexOf(await crypto.subtle.digest("SHA-256", await read(body)));
      // Changed on its way: as good as not arrived.
      if (sha256 && got.sha256 !== sha256) throw new Refused("");
      return number;
    });
    this.coming.delete(number);
    row.parts.push(part);
    await this.keepRow();
    this.changed(this);
  }

  /** Where files go to; a page that has another place for them has its own, as of `begin`, `finish`
      and what follows. */
  post({ filekey }, number, body, options) {
    const form = new FormData();
    form.append("query", JSON.stringify({ filekey, partnumber: number, partsize: body.size }));
    form.append("part", body, "part");
    return call("file_part_upload", form, options);
  }

  free(filekey) {
    return send(import.meta.resolve("../share/cancel"), { filekey });
  }

  /** The bytes of a part as they leave. */
  async partOf(number) {
    const { file, row } = this;
    const start = number * row.partBytes;
    const stop = Math.min(start + row.partBytes, file.size);
    if (!this.isSealed) return file.slice(start, stop);
    const frames = [];
    for (let at = start; at < stop || !frames.length; at += FRAME) {
      const end = Math.min(at + FRAME, stop);
      const plain = await read(file.slice(at, end));
      frames.push(...(await sealFrame(this.seal.fileKey, plain, at / FRAME, end === file.size)));
    }
    return new Blob(frames);
  }

  async finish() {
    const { filekey, challenge, signature } = this.row;
    const beside = signature ? { challenge, signature } : {};
    if (this.file.members) beside.entries = JSON.stringify(entriesOf(this.file));
    this.made = await this.patiently(() =>
      send(import.meta.resolve("../share/finish"), { ...this.terms, ...beside, filekey }, this.options),
    );
    await this.forgetRow();
  }

  /** The address to be given to others. */
  get address() {
    return this.made.short_url + (this.linkKey && `#${this.linkKey}`);
  }

  get options() {
    return { signal: this.stopping.signal };
  }

  /** Whether it can be gone on with when this page was closed. */
  get isLasting() {
    return Boolean(this.row) && !this.file.isFleeting;
  }

  async keepRow() {
    if (this.isLasting) await keep(this.row);
  }

  async forgetRow() {
    await forget(this.row.filekey);
    this.row = null;
  }

  /** Does what may fail for a while. Waiting until it is one's turn is no failure. */
  async patiently(work) {
    const { signal } = this.stopping;
    for (let tries = 0; ; ) {
      try {
        return await work();
      } catch (fault) {
        if (!(fault instanceof Refused) || !fault.isPassing) throw fault;
        if (fault.status !== 429) tries += 1;
        if (tries > TRIES) throw fault;
        await sleep(fault.wait || FIRST_WAIT * 2 ** (tries - 1 || 0), signal);
      }
    }
  }
}

async function read(blob) {
  try {
    return await blob.arrayBuffer();
  } catch {
    throw new Refused(word("The file has changed, or cannot be read any more. Choose it again."), 400);
  }
}

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
}

/** A name that the server takes: no controls, no slashes, nothing that turns the direction of text. */
export function nameOf(file) {
  const name = file.name.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069/\\]/g, "_").trim();
  return ["", ".", ".."].includes(name) ? "file" : name.slice(-1024);
}
