/* What clients of ww7 v2 make of a password, in the two ways that the document shows.

   Both give 32 bytes: keys of encrypted files, and, as hex, what logins send in the place of the
   password. This module must never touch the page, the network or anything kept. */

const PBKDF2 = {
  name: "PBKDF2",
  hash: "SHA-256",
  salt: bytesOf("182c37f56e1967227ccae78af837b638"),
  iterations: 231581,
};

export async function doubleSha256(password) {
  const { subtle } = crypto;
  const secret = new TextEncoder().encode(password);
  return subtle.digest("SHA-256", await subtle.digest("SHA-256", secret));
}

export async function pbkdf2(password) {
  const { subtle } = crypto;
  const secret = new TextEncoder().encode(password);
  const base = await subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  return subtle.deriveBits(PBKDF2, base, 256);
}

export function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
}

export function hexOf(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
