// SPDX-License-Identifier: GPL-3.0-or-later
import { createCipheriv, createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto"; // prettier-ignore

// Noise functions (revision 34, §12): 25519, ChaChaPoly, SHA256.

/** DER around a raw X25519 key (RFC 8410). */
const PRIVATE_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b656e032100", "hex");

/** Raw keys of 32 bytes. */
export interface DhKeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

const toPrivate = (raw: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PRIVATE_HEAD, raw]), format: "der", type: "pkcs8" });

export function dhKeyPair(privateKey: Uint8Array): DhKeyPair {
  const spki = createPublicKey(toPrivate(privateKey)).export({ format: "der", type: "spki" });
  return { privateKey, publicKey: new Uint8Array(spki.subarray(-32)) };
}

/** From the operating system's generator. */
export function generateDhKeyPair(): DhKeyPair {
  const { privateKey } = generateKeyPairSync("x25519");
  return dhKeyPair(new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32)));
}

/** Undefined for a point of low order, whose result everybody knows. */
export function dh(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, publicKey]), format: "der", type: "spki" });
  try {
    const shared = new Uint8Array(diffieHellman({ privateKey: toPrivate(privateKey), publicKey: key }));
    return shared.every((byte) => byte === 0) ? undefined : shared;
  } catch {
    return undefined;
  }
}

export const hash = (...parts: readonly Uint8Array[]): Uint8Array => {
  const state = createHash("sha256");
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
};
const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const state = createHmac("sha256", key);
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
};

/** Noise's HKDF with two outputs. */
export function hkdf2(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = hmac(chainingKey, input);
  const first = hmac(secret, Uint8Array.of(1));
  return [first, hmac(secret, first, Uint8Array.of(2))];
}

const CIPHER = "chacha20-poly1305";
export const TAG_BYTES = 16;

/** 0^4 || u64le. */
function nonceOf(counter: bigint): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(counter, 4);
  return nonce;
}

/** Ciphertext and tag of the parts in a row, in pieces. */
export function sealPieces(
  key: Uint8Array,
  counter: bigint,
  aad: Uint8Array,
  ...parts: readonly Uint8Array[]
): readonly Uint8Array[] {
  const cipher = createCipheriv(CIPHER, key, nonceOf(counter), { authTagLength: TAG_BYTES });
  const plaintextLength = parts.reduce((sum, part) => sum + part.length, 0);
  cipher.setAAD(aad, { plaintextLength });
  const sealed = parts.map((part) => cipher.update(part));
  return [...sealed, cipher.final(), cipher.getAuthTag()];
}

/** The same in one piece. */
export function seal(key: Uint8Array, counter: bigint, aad: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(sealPieces(key, counter, aad, ...parts));
}

/** Undefined when the tag does not match. */
export function open(key: Uint8Array, counter: bigint, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const cipher = createDecipheriv(CIPHER, key, nonceOf(counter), { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: end });
  cipher.setAuthTag(sealed.subarray(end));
  const plain = cipher.update(sealed.subarray(0, end));
  try {
    cipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Noise §4.2: the first 32 bytes of an encryption of zeros at the last nonce. */
export function rekey(key: Uint8Array): Uint8Array {
  return new Uint8Array(seal(key, 2n ** 64n - 1n, new Uint8Array(), new Uint8Array(32)).subarray(0, 32));
}
