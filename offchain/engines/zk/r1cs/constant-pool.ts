// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD_WORDS, bigintOfWords, wordsOfBigint } from "./field-words.ts";

/** Numbers the distinct field elements it is shown, in order of first sight: a circuit repeats few coefficients very often. */
export class ConstantPool {
  #words = new Uint32Array(64 * FIELD_WORDS);
  #slots = new Int32Array(256).fill(-1);
  #count = 0;
  readonly #scratch = new Uint32Array(FIELD_WORDS);

  get constants(): bigint[] {
    return Array.from({ length: this.#count }, (_, i) => bigintOfWords(this.#words, i * FIELD_WORDS));
  }

  /** `value` must be reduced. */
  idOf(value: bigint): number {
    wordsOfBigint(value, this.#scratch, 0);
    return this.idOfWords(this.#scratch, 0);
  }

  /** The id of the eight little-endian words at `at`, which must be reduced. */
  idOfWords(words: Uint32Array, at: number): number {
    let slot = this.#hash(words, at);
    for (;;) {
      const id = this.#slots[slot] ?? -1;
      if (id < 0) break;
      if (this.#equal(id, words, at)) return id;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    this.#slots[slot] = this.#count;
    this.#append(words, at);
    return this.#count - 1;
  }

  #hash(words: Uint32Array, at: number): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < FIELD_WORDS; i++) hash = Math.imul(hash ^ (words[at + i] ?? 0), 0x9e3779b1) ^ (hash >>> 15);
    return (hash ^ (hash >>> 13)) & (this.#slots.length - 1);
  }

  #equal(id: number, words: Uint32Array, at: number): boolean {
    for (let i = 0; i < FIELD_WORDS; i++) if (this.#words[id * FIELD_WORDS + i] !== words[at + i]) return false;
    return true;
  }

  #append(words: Uint32Array, at: number): void {
    if ((this.#count + 1) * FIELD_WORDS > this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set(words.subarray(at, at + FIELD_WORDS), this.#count * FIELD_WORDS);
    this.#count++;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let id = 0; id < this.#count; id++) {
      let slot = this.#hash(this.#words, id * FIELD_WORDS);
      while ((this.#slots[slot] ?? -1) >= 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = id;
    }
  }
}
