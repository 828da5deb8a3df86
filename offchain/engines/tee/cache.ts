// SPDX-License-Identifier: GPL-3.0-or-later
import { bareHex, sha256 } from "./bytes/fields.ts";

/**
 * Remembers successful parsing and signature checks by the hash of every byte they depend on. Dates, pinned roots and
 * policies are never part of it: they are checked each time, so a cached verification gives what an uncached one gives.
 */
export class VerifyCache {
  readonly #entries = new Map<string, unknown>();
  readonly #limit: number;

  /** With a limit of 0 nothing is kept. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `kind` names the function: one kind, one type of result. Results are shared, so they must not be written to. */
  memo<T>(kind: string, inputs: readonly Uint8Array[], make: () => T): T {
    if (this.#limit === 0) return make();
    const key = `${kind}:${inputs.map((input) => bareHex(sha256(input))).join(":")}`;
    if (this.#entries.has(key)) return this.#entries.get(key) as T;
    const value = make();
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
    return value;
  }
}
