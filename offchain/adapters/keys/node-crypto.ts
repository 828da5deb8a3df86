// SPDX-License-Identifier: GPL-3.0-or-later
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from "node:crypto";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { KeyError } from "./errors.ts";

/** DER heads of RFC 8410 for raw 32-byte X25519 keys: PKCS #8 and SubjectPublicKeyInfo. */
const PRIVATE_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b656e032100", "hex");
const CIPHER = "chacha20-poly1305";
const TAG_BYTES = 16;

/** `CryptoPort` over node:crypto (OpenSSL). */
export const nodeCrypto: CryptoPort = {
  randomBytes: (length) => new Uint8Array(randomBytes(length)),

  generateX25519() {
    const privateKey = new Uint8Array(randomBytes(32));
    return { privateKey, publicKey: nodeCrypto.x25519PublicKey(privateKey) };
  },

  x25519PublicKey(privateKey) {
    const der = createPublicKey(privateObject(privateKey)).export({ format: "der", type: "spki" });
    return new Uint8Array(der.subarray(PUBLIC_HEAD.length));
  },

  /** OpenSSL throws on low-order points, which `core/seal` treats as a refusal. */
  x25519(privateKey, publicKey) {
    const peer = {
      key: Buffer.concat([PUBLIC_HEAD, check("X25519 public key", publicKey, 32)]),
      format: "der",
    } as const;
    const shared = diffieHellman({
      privateKey: privateObject(privateKey),
      publicKey: createPublicKey({ ...peer, type: "spki" }),
    });
    return new Uint8Array(shared);
  },

  hmacSha256: (key, message) => new Uint8Array(createHmac("sha256", key).update(message).digest()),
  sha256: (message) => new Uint8Array(createHash("sha256").update(message).digest()),

  chacha20Poly1305Seal(key, nonce, aad, plain) {
    const cipher = createCipheriv(CIPHER, check("Key", key, 32), check("Nonce", nonce, 12), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(aad, { plaintextLength: plain.length });
    const sealed = new Uint8Array(plain.length + TAG_BYTES);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },

  chacha20Poly1305Open(key, nonce, aad, sealed) {
    const decipher = createDecipheriv(CIPHER, check("Key", key, 32), check("Nonce", nonce, 12), {
      authTagLength: TAG_BYTES,
    });
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return null;
    decipher.setAAD(aad, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const plain = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return null; // a wrong tag; nothing of `plain` leaves
    }
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length); // a plain view: a Buffer's slice() would share
  },
};

function privateObject(privateKey: Uint8Array) {
  const der = Buffer.concat([PRIVATE_HEAD, check("X25519 private key", privateKey, 32)]);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

function check(what: string, bytes: Uint8Array, want: number): Uint8Array {
  if (bytes.length !== want) throw new KeyError("CRYPTO_INPUT", { what, have: bytes.length, want });
  return bytes;
}
