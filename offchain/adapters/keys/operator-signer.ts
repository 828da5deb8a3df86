// SPDX-License-Identifier: GPL-3.0-or-later
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { toHex } from "../../core/bytes.ts";
import type { Signer } from "../../core/ports/keys.ts";
import type { Secret } from "../../core/secret.ts";
import { KeyError } from "./errors.ts";

/** Signs with a secp256k1 key; the caller wrote to its journal first. Deterministic (RFC 6979): the same digest, the same bytes. */
export class OperatorSigner implements Signer {
  readonly address: `0x${string}`;
  readonly #key: Secret<Uint8Array>;

  constructor(key: Secret<Uint8Array>) {
    this.#key = key;
    const point = secp256k1.getPublicKey(key.reveal(), false);
    this.address = toHex(keccak_256(point.subarray(1)).subarray(12));
  }

  signDigest(digest: Uint8Array): Uint8Array {
    if (!(digest instanceof Uint8Array) || digest.length !== 32) {
      throw new KeyError("DIGEST_INVALID", { have: (digest as { length?: number }).length ?? 0 });
    }
    const signature = this.#sign(digest);
    const compact = signature.slice(1); // noble puts the recovery bit first; EIP-2098 keeps it in the top bit of s
    compact[32] = (compact[32] ?? 0) | ((signature[0] ?? 0) << 7);
    return compact;
  }

  #sign(digest: Uint8Array): Uint8Array {
    try {
      return secp256k1.sign(digest, this.#key.reveal(), { prehash: false, lowS: true, format: "recovered" });
    } catch {
      throw new KeyError("KEYS_CLOSED", {}); // the key was checked when opened: only overwriting makes it unusable
    }
  }
}
