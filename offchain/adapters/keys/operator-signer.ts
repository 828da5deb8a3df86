// SPDX-License-Identifier: GPL-3.0-or-later
import type { Signer } from "../../core/ports/keys.ts";
import type { Secret } from "../../core/secret.ts";
import { addressOfKey, packSignature, signDigest } from "../../core/signature.ts";
import { KeyError } from "./errors.ts";

/** Signs with a secp256k1 key; the caller wrote to its journal first. Deterministic (RFC 6979): the same digest, the same bytes. */
export class OperatorSigner implements Signer {
  readonly address: `0x${string}`;
  readonly #key: Secret<Uint8Array>;

  constructor(key: Secret<Uint8Array>) {
    this.#key = key;
    this.address = addressOfKey(key.reveal());
  }

  signDigest(digest: Uint8Array): Uint8Array {
    if (!(digest instanceof Uint8Array) || digest.length !== 32) {
      throw new KeyError("DIGEST_INVALID", { have: (digest as { length?: number }).length ?? 0 });
    }
    // The key was valid when opened: only closing the ring overwrites it.
    if (this.#key.reveal().every((byte) => byte === 0)) throw new KeyError("KEYS_CLOSED", {});
    return packSignature(signDigest(digest, this.#key.reveal()));
  }
}
