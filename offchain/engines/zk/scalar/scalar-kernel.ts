// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { inverse, mod } from "../circuit/field.ts";
import { bigintOfWords, FIELD_BYTES, FIELD_WORDS, wordsOfBigint, wordsOfNumber } from "../r1cs/field-words.ts";
import { MONTGOMERY_BITS, productCode } from "./product-code.ts";
import { encodeModule } from "./wasm-code.ts";

const PAGE_BYTES = 0x10000;
const WORD = 2 ** 32;
const MODULUS = new Uint32Array(FIELD_WORDS);
wordsOfBigint(FIELD, MODULUS, 0);

/** Element of the constant R². */
const R_SQUARED = 0;
/** First element that callers may use. */
export const FIRST_ELEMENT = 1;

type Product = (a: number, b: number, into: number) => void;

/**
 * The scalar field in one WebAssembly memory, an array of reduced elements of 32 bytes that are named by their numbers. A product of 254
 * bits takes a quarter of what BigInt needs and leaves no garbage, which could not be wiped. Small enough to be compiled when first
 * used: unlike ffjavascript's kernel nothing has to be loaded beforehand. For one caller at a time, who clears what it used.
 */
export class ScalarKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #product: Product;
  #words = new Uint32Array(this.#memory.buffer);

  constructor() {
    const module = new WebAssembly.Module(encodeModule({ product: productCode() }));
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.#product = exports["product"] as Product;
    this.setBig(R_SQUARED, mod(1n << (2n * MONTGOMERY_BITS)));
  }

  /** Elements that there is room for. */
  get size(): number {
    return this.#words.length / FIELD_WORDS;
  }

  /** Makes room for elements up to `end`; the new ones are 0. */
  reserve(end: number): void {
    const missing = Math.ceil((end * FIELD_BYTES - this.#words.byteLength) / PAGE_BYTES);
    if (missing <= 0) return;
    this.#memory.grow(missing);
    this.#words = new Uint32Array(this.#memory.buffer);
  }

  /** into = a·b / R: of two plain numbers, or of a plain one and another in Montgomery's form, which then gives the plain product. */
  montgomery(a: number, b: number, into: number): void {
    this.#product(a * FIELD_BYTES, b * FIELD_BYTES, into * FIELD_BYTES);
  }

  /** into = from·R, Montgomery's form. */
  toMontgomery(from: number, into: number): void {
    this.montgomery(from, R_SQUARED, into);
  }

  /** into = a·b; into must not be b. */
  multiply(a: number, b: number, into: number): void {
    this.toMontgomery(a, into);
    this.montgomery(into, b, into);
  }

  /** into = a + b */
  add(a: number, b: number, into: number): void {
    const words = this.#words;
    const [from, other, to] = [a * FIELD_WORDS, b * FIELD_WORDS, into * FIELD_WORDS];
    let carry = 0;
    for (let i = 0; i < FIELD_WORDS; i++) {
      const sum = (words[from + i] as number) + (words[other + i] as number) + carry;
      words[to + i] = sum;
      carry = sum >= WORD ? 1 : 0;
    }
    if (!this.#reduced(to)) this.#addModulus(to, -1);
  }

  /** into = a − b */
  subtract(a: number, b: number, into: number): void {
    const words = this.#words;
    const [from, other, to] = [a * FIELD_WORDS, b * FIELD_WORDS, into * FIELD_WORDS];
    let borrow = 0;
    for (let i = 0; i < FIELD_WORDS; i++) {
      const difference = (words[from + i] as number) - (words[other + i] as number) - borrow;
      words[to + i] = difference;
      borrow = difference < 0 ? 1 : 0;
    }
    if (borrow === 1) this.#addModulus(to, 1);
  }

  #reduced(at: number): boolean {
    for (let i = FIELD_WORDS - 1; i >= 0; i--) {
      const [have, limit] = [this.#words[at + i] as number, MODULUS[i] as number];
      if (have !== limit) return have < limit;
    }
    return false;
  }

  /** Modulo 2^256. */
  #addModulus(at: number, sign: 1 | -1): void {
    let carry = 0;
    for (let i = 0; i < FIELD_WORDS; i++) {
      const sum = (this.#words[at + i] as number) + sign * (MODULUS[i] as number) + carry;
      this.#words[at + i] = sum;
      carry = Math.floor(sum / WORD);
    }
  }

  isZero(at: number): boolean {
    const first = at * FIELD_WORDS;
    for (let i = 0; i < FIELD_WORDS; i++) if (this.#words[first + i] !== 0) return false;
    return true;
  }

  equal(a: number, b: number): boolean {
    const [first, other] = [a * FIELD_WORDS, b * FIELD_WORDS];
    for (let i = 0; i < FIELD_WORDS; i++) if (this.#words[first + i] !== this.#words[other + i]) return false;
    return true;
  }

  /** The lowest 32 bits. */
  low(at: number): number {
    return this.#words[at * FIELD_WORDS] as number;
  }

  copy(from: number, into: number): void {
    this.#words.copyWithin(into * FIELD_WORDS, from * FIELD_WORDS, (from + 1) * FIELD_WORDS);
  }

  /** An integer nearer to zero than 2^53. */
  setNumber(at: number, value: number): void {
    wordsOfNumber(value, this.#words, at * FIELD_WORDS);
  }

  /** `value` must be reduced. */
  setBig(at: number, value: bigint): void {
    wordsOfBigint(value, this.#words, at * FIELD_WORDS);
  }

  big(at: number): bigint {
    return bigintOfWords(this.#words, at * FIELD_WORDS);
  }

  /** Replaces an element that is not 0 by 1/element. */
  invert(at: number): void {
    this.setBig(at, inverse(this.big(at)));
  }

  /** A view of the elements from..end, until the next `reserve`. */
  bytes(from: number, end: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, from * FIELD_BYTES, (end - from) * FIELD_BYTES);
  }

  /** Witnesses are secret. */
  clear(from: number, end: number): void {
    this.#words.fill(0, from * FIELD_WORDS, end * FIELD_WORDS);
  }
}

let shared: ScalarKernel | undefined;

/** One a thread, made when first asked for. */
export const scalarKernel = (): ScalarKernel => (shared ??= new ScalarKernel());
