/* Keys of boxes: a pair of P-256 a box, and for each file a pair of its sender's. ECDH of the two, and
   HKDF-SHA-256 with both public keys as salt, give one key for the file's frames and one for its
   label (name, type, note).

   This module must never touch the page, the network or anything kept. */

import { decrypt, encrypt, random } from "./sealed.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const PAD = 256;
const text = new TextEncoder();

/** A new pair, base64url: the uncompressed point, and the private number. */
export async function newKeys() {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  const { d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { publicKey: await pointOf(pair), privateKey: d };
}

/** What one file for a box is encrypted with: the key of its frames, and `label`, which encrypts what
    names it. */
export async function sealTo(publicKey) {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  const senderKey = await pointOf(pair);
  const { fileKey, labelKey } = await derive(pair.privateKey, publicKey, senderKey, publicKey);
  const label = async (said) => {
    const plain = text.encode(JSON.stringify(said));
    // Its length tells next to nothing of the name.
    const padded = new Uint8Array(Math.ceil(plain.length / PAD) * PAD).fill(32);
    padded.set(plain);
    return coded(await encrypt(labelKey, random(12), padded));
  };
  return { fileKey, senderKey, label };
}

/** The same for who has the private key: the key of the frames, and what names the file, as its sender
    says it. null if the key is another box's, or the sender's program went wrong. */
export async function openWith(privateKey, publicKey, senderKey, label) {
  try {
    const [x, y] = [publicBytes(publicKey, 1), publicBytes(publicKey, 33)];
    const jwk = { kty: "EC", crv: "P-256", d: privateKey, x, y };
    const own = await crypto.subtle.importKey("jwk", jwk, CURVE, false, ["deriveBits"]);
    const { fileKey, labelKey } = await derive(own, senderKey, senderKey, publicKey);
    const plain = await decrypt(labelKey, bytes(label));
    if (!plain) return null;
    const { name, note } = JSON.parse(new TextDecoder().decode(plain));
    return { fileKey, name: `${name ?? ""}`, note: `${note ?? ""}` };
  } catch {
    return null;
  }
}

async function derive(own, other, senderKey, publicKey) {
  const { subtle } = crypto;
  const point = await subtle.importKey("raw", bytes(other), CURVE, false, []);
  const shared = await subtle.deriveBits({ name: "ECDH", public: point }, own, 256);
  const base = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const salt = new Uint8Array([...bytes(senderKey), ...bytes(publicKey)]);
  const key = (info) =>
    subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info: text.encode(info) }, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  return { fileKey: { key: await key("shortd box file"), isBound: true }, labelKey: await key("shortd box label") };
}

async function pointOf({ publicKey }) {
  return coded(new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)));
}

const publicBytes = (publicKey, start) => coded(bytes(publicKey).slice(start, start + 32));

function coded(raw) {
  return btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytes(base64) {
  return Uint8Array.from(atob(base64.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}
