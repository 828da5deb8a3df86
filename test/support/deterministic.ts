// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import type { CryptoPort } from "../../offchain/core/crypto-port.ts";

/** 32 bytes that depend on a name only: keys, salts and digests of fixtures. */
export const bytesOf = (name: string): Uint8Array => new Uint8Array(createHash("sha256").update(name).digest());

/** Node's primitives with a generator that repeats itself: vectors only. */
export function repeatableCrypto(seed: string): CryptoPort {
  let calls = 0;
  const port: CryptoPort = {
    ...nodeCrypto,
    randomBytes(length) {
      const out = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) out.set(bytesOf(`${seed}/${calls++}`).subarray(0, length - at), at);
      return out;
    },
    generateX25519() {
      const privateKey = port.randomBytes(32);
      return { privateKey, publicKey: nodeCrypto.x25519PublicKey(privateKey) };
    },
  };
  return port;
}
