/* Encrypted files as ww7 v2 has them: the keys of a password, the challenge, the frames.

   A body is frames of `uint32 LE length | 12-byte IV | ciphertext | 16-byte tag`, AES-256-GCM;
   the length counts all but itself. A signature is one such frame without its length, around
   the challenge. This module must never touch the page, the network or anything kept. */

import { bytesOf, doubleSha256, hexOf, pbkdf2 } from "./derive.js";

const LENGTH_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const LARGEST_FRAME = 2 ** 31 - 1; // One frame is decrypted in one piece, in memory.

/** The bytes are not what was encrypted: changed, cut off, or not as many as announced. */
export class Damaged extends Error {}

/** A frame is larger than can be decrypted here. */
export class TooLarge extends Error {}

/** The AES key in which a signature (hex) can be read, and the challenge (hex) that it says;
    null if the password is not the one. */
export async function solve(signature, password) {
  for await (const key of keysOf(password)) {
    const challenge = await decrypt(key, bytesOf(signature));
    if (challenge) return { key, challenge: hexOf(challenge) };
  }
  return null;
}

/** A transform stream from frames, however they are cut into chunks, to `filesize` plain bytes.
    It fails with Damaged or TooLarge, at the latest at its end; only then the file is whole. */
export function opener(key, filesize) {
  const length = new Uint8Array(LENGTH_BYTES);
  let target = length;
  let filled = 0;
  let missing = filesize;

  function frame() {
    const size = new DataView(length.buffer).getUint32(0, true);
    const plain = size - IV_BYTES - TAG_BYTES;
    if (plain < 0 || plain > missing) throw new Damaged();
    if (size > LARGEST_FRAME) throw new TooLarge();
    missing -= plain;
    try {
      return new Uint8Array(size);
    } catch {
      throw new TooLarge();
    }
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
        const plain = await decrypt(key, target);
        if (!plain) throw new Damaged();
        if (plain.byteLength) controller.enqueue(new Uint8Array(plain));
        target = length;
      }
    },
    flush() {
      if (missing || filled || target !== length) throw new Damaged();
    },
  });
}

/** The keys a password may stand for: the document's clients derive them in two ways. */
async function* keysOf(password) {
  for (const derive of [doubleSha256, pbkdf2]) {
    yield crypto.subtle.importKey("raw", await derive(password), "AES-GCM", false, ["decrypt"]);
  }
}

/** What stands in `IV | ciphertext | tag`; null if it was not encrypted with this key. */
async function decrypt(key, sealed) {
  const algorithm = { name: "AES-GCM", iv: sealed.subarray(0, IV_BYTES) };
  try {
    return await crypto.subtle.decrypt(algorithm, key, sealed.subarray(IV_BYTES));
  } catch (fault) {
    if (fault.name === "OperationError") return null;
    throw fault;
  }
}
