/* Encrypted files: the secrets of a password or a link, the challenge, the frames. What Python has
   in shortd/client/crypto.py.

   A body is frames of `uint32 LE length | 12-byte IV | ciphertext | 16-byte tag`, AES-256-GCM;
   the length counts all but itself. A signature is one such frame without its length, around
   the challenge. In the bound form, which is shortd's own, the challenge begins with MARK, an IV is
   7 random bytes, the frame's number (uint32 LE) and 1 for the last one, and what was typed has a
   key of its own for each file. So frames cannot be exchanged, doubled or left out; in ww7's form
   they can. This module must never touch the page, the network or anything kept. */

import { bytesOf, doubleSha256, hexOf, pbkdf2 } from "./derive.js";

const LENGTH_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CHALLENGE_BYTES = 16;
const LARGEST_FRAME = 2 ** 31 - 1; // One frame is decrypted in one piece, in memory.
const MARK = new TextEncoder().encode("shd1");
const FILE_KEY_INFO = new TextEncoder().encode("shortd file key");
const NONCE_BYTES = 7;

/** What stands behind the "#" of a link that carries its file's key. */
export const LINK_KEY = /^[A-Za-z0-9_-]{22}$/;

/** The bytes are not what was encrypted: changed, cut off, moved, or not as many as announced. */
export class Damaged extends Error {}

/** A frame is larger than can be decrypted here. */
export class TooLarge extends Error {}

/** What a signature (hex) says to who has the password: the challenge (hex), and the key of the
    file's frames. null if the password is not the one. */
export async function solve(signature, password) {
  for await (const secret of secretsOf(password)) {
    const challenge = await decrypt(await gcm(secret.bytes), bytesOf(signature));
    if (!challenge) continue;
    const fileKey = await fileKeyOf(secret, new Uint8Array(challenge));
    return { fileKey, challenge: hexOf(challenge) };
  }
  return null;
}

/** A transform stream from frames, however they are cut into chunks, to `filesize` plain bytes.
    It fails with Damaged or TooLarge, at the latest at its end; only then the file is whole. */
export function opener({ key, isBound }, filesize) {
  const length = new Uint8Array(LENGTH_BYTES);
  let target = length;
  let filled = 0;
  let missing = filesize;
  let number = 0;
  let hasEnded = false;

  function frame() {
    const size = viewOf(length).getUint32(0, true);
    const plain = size - IV_BYTES - TAG_BYTES;
    if (plain < 0 || plain > missing) throw new Damaged();
    if (size > LARGEST_FRAME) throw new TooLarge();
    missing -= plain;
    try {
      // Browsers clean up as pages ask for more: with one buffer for all frames a gibibyte took
      // twice as much.
      return new Uint8Array(size);
    } catch {
      throw new TooLarge();
    }
  }

  function checkPlace(iv) {
    const last = iv[IV_BYTES - 1];
    if (hasEnded || last > 1 || viewOf(iv).getUint32(NONCE_BYTES, true) !== number) {
      throw new Damaged();
    }
    number += 1;
    hasEnded = last === 1;
  }

  return new TransformStream({
    async transform(chunk, controller) {
      while (chunk.length) {
        const part = chunk.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        chunk = chunk.subarray(part.length);
        if (filled < target.length) return;
        filled = 0;
        if (target === length) {
          target = frame();
          continue;
        }
        if (isBound) checkPlace(target.subarray(0, IV_BYTES));
        const plain = await decrypt(key, target);
        if (!plain) throw new Damaged();
        if (plain.byteLength) controller.enqueue(new Uint8Array(plain));
        target = length;
      }
    },
    flush() {
      if (missing || filled || target !== length || (isBound && !hasEnded)) throw new Damaged();
    },
  });
}

/** A new key for one file, as it stands behind the "#" of its link. */
export function newLinkKey() {
  const text = String.fromCharCode(...random(16));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What a new file is encrypted with, in the bound form: a challenge and its signature (hex), and
    the key of its frames. `password` is typed, or else the key of a link. */
export async function newSeal({ password, linkKey }) {
  const secret = linkKey
    ? { bytes: await doubleSha256(linkKey), isSlow: false }
    : { bytes: await pbkdf2(password.normalize("NFC")), isSlow: true };
  const challenge = Uint8Array.from([...MARK, ...random(CHALLENGE_BYTES - MARK.length)]);
  const sealed = await encrypt(await gcm(secret.bytes), random(IV_BYTES), challenge);
  const fileKey = await fileKeyOf(secret, challenge);
  return { fileKey, challenge: hexOf(challenge), signature: hexOf(sealed) };
}

/** The pieces of the whole frame of this number, from 0, around plain bytes. A part that is sent again
    must be sealed again: its bytes may be others. */
export async function sealFrame({ key }, plain, number, isLast) {
  const head = new Uint8Array(LENGTH_BYTES + IV_BYTES);
  const iv = crypto.getRandomValues(head.subarray(LENGTH_BYTES));
  viewOf(iv).setUint32(NONCE_BYTES, number, true);
  iv[IV_BYTES - 1] = isLast ? 1 : 0;
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain);
  viewOf(head).setUint32(0, IV_BYTES + sealed.byteLength, true);
  return [head, sealed];
}

/** All that a file may have been encrypted with by who typed this, or had it in a link: the
    document's clients derive in two ways, and keyboards spell letters with accents in two. */
async function* secretsOf(password) {
  const spellings = new Set([password.normalize("NFC"), password.normalize("NFD"), password]);
  for (const [derive, isSlow] of [
    [doubleSha256, false],
    [pbkdf2, true],
  ]) {
    for (const spelling of spellings) yield { bytes: await derive(spelling), isSlow };
  }
}

async function fileKeyOf({ bytes, isSlow }, challenge) {
  const isBound = MARK.every((byte, at) => byte === challenge[at]);
  if (!isBound || !isSlow) return { key: await gcm(bytes), isBound };
  const base = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: challenge, info: FILE_KEY_INFO };
  return { key: await gcm(await crypto.subtle.deriveBits(hkdf, base, 256)), isBound };
}

function gcm(bytes) {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** `IV | ciphertext | tag`. */
export async function encrypt(key, iv, plain) {
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain);
  const whole = new Uint8Array(IV_BYTES + sealed.byteLength);
  whole.set(iv);
  whole.set(new Uint8Array(sealed), IV_BYTES);
  return whole;
}

/** What stands in `IV | ciphertext | tag`; null if it was not encrypted with this key. */
export async function decrypt(key, sealed) {
  const algorithm = { name: "AES-GCM", iv: sealed.subarray(0, IV_BYTES) };
  try {
    return await crypto.subtle.decrypt(algorithm, key, sealed.subarray(IV_BYTES));
  } catch (fault) {
    if (fault.name === "OperationError") return null;
    throw fault;
  }
}

export function random(size) {
  return crypto.getRandomValues(new Uint8Array(size));
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
