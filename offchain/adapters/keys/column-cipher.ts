// SPDX-License-Identifier: GPL-3.0-or-later
import type { ColumnCipher } from "../../core/ports/journal.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import type { Secret } from "../../core/secret.ts";
import { KeyError } from "./errors.ts";

const VERSION = 1;
const NONCE_BYTES = 12;

/**
 * Seals journal columns: version, random nonce, ChaCha20-Poly1305 with the row's name as associated data, under a fresh key per
 * value (HMAC of the nonce's 20 extra bytes), so that random nonces never run out.
 */
export class ChaChaColumnCipher implements ColumnCipher {
  readonly #key: Secret<Uint8Array>;
  readonly #crypto: CryptoPort;

  constructor(key: Secret<Uint8Array>, modules: { readonly crypto: CryptoPort }) {
    this.#key = key;
    this.#crypto = modules.crypto;
  }

  seal(plain: Uint8Array, context: string): Uint8Array {
    const salt = this.#crypto.randomBytes(20);
    const nonce = this.#crypto.randomBytes(NONCE_BYTES);
    const box = this.#crypto.chacha20Poly1305Seal(this.#keyFor(salt), nonce, aad(context), plain);
    const out = new Uint8Array(1 + 20 + NONCE_BYTES + box.length);
    out[0] = VERSION;
    out.set(salt, 1);
    out.set(nonce, 21);
    out.set(box, 33);
    return out;
  }

  open(sealed: Uint8Array, context: string): Uint8Array {
    if (sealed.length < 33 || sealed[0] !== VERSION) throw new KeyError("COLUMN_ALTERED", { context });
    const key = this.#keyFor(sealed.subarray(1, 21));
    const plain = this.#crypto.chacha20Poly1305Open(key, sealed.subarray(21, 33), aad(context), sealed.subarray(33));
    if (plain === null) throw new KeyError("COLUMN_ALTERED", { context });
    return plain;
  }

  #keyFor(salt: Uint8Array): Uint8Array {
    return this.#crypto.hmacSha256(this.#key.reveal(), salt);
  }
}

function aad(context: string): Uint8Array {
  return new TextEncoder().encode(`assay.v1.column/${context}`);
}
