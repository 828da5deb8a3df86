// SPDX-License-Identifier: MIT
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import type { CryptoPort } from "../../core/crypto-port.ts";

// RFC 8410 wrappings of a bare 32-byte key: node:crypto takes keys only in a container.
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const TAG_BYTES = 16;

const privateKeyObject = (raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: "der", type: "pkcs8" });
const publicKeyObject = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
const rawPublic = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: "der", type: "spki" }).subarray(SPKI.length));

/** The crypto port over node:crypto, for SDK users on Node. */
export const nodeCrypto: CryptoPort = {
  randomBytes: (length) => new Uint8Array(randomBytes(length)),

  generateX25519: () => {
    const { privateKey, publicKey } = generateKeyPairSync("x25519");
    const der = privateKey.export({ format: "der", type: "pkcs8" });
    return { privateKey: new Uint8Array(der.subarray(PKCS8.length)), publicKey: rawPublic(publicKey) };
  },
  x25519PublicKey: (privateKey) => rawPublic(createPublicKey(privateKeyObject(privateKey))),
  x25519: (privateKey, publicKey) =>
    new Uint8Array(diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject(publicKey) })),

  hmacSha256: (key, message) => new Uint8Array(createHmac("sha256", key).update(message).digest()),
  sha256: (message) => new Uint8Array(createHash("sha256").update(message).digest()),

  chacha20Poly1305Seal: (key, nonce, aad, plain) => {
    const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(aad, { plaintextLength: plain.length });
    return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  },
  chacha20Poly1305Open: (key, nonce, aad, sealed) => {
    if (sealed.length < TAG_BYTES) return null;
    const body = sealed.subarray(0, sealed.length - TAG_BYTES);
    const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad, { plaintextLength: body.length });
    decipher.setAuthTag(sealed.subarray(body.length));
    try {
      return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
    } catch {
      return null;
    }
  },
};
