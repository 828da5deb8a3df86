// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { FIELD_BYTES, FIELD_WORDS, wordsOfBigint } from "../r1cs/field-words.ts";
import type { WasmKernel } from "./wasm-kernel.ts";

/** 5 is the least non-residue, from which ffjavascript takes its roots of unity. */
const NON_RESIDUE = 5n;

export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let factor = base % FIELD, rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * factor) % FIELD;
    factor = (factor * factor) % FIELD;
  }
  return result;
}

export const inverse = (value: bigint): bigint => power(value, FIELD - 2n);

/** A root of unity of order 2^log2, the one that snarkjs uses. */
export const rootOfUnity = (log2: number): bigint => power(NON_RESIDUE, (FIELD - 1n) >> BigInt(log2));

export function elementBytes(value: bigint): Uint8Array {
  const words = new Uint32Array(FIELD_WORDS);
  wordsOfBigint(value, words, 0);
  return new Uint8Array(words.buffer);
}

/** The scalar field on a kernel's pointers; elements are in Montgomery form. */
export class FieldArithmetic {
  readonly kernel: WasmKernel;
  readonly add: (a: number, b: number, into: number) => number;
  readonly sub: (a: number, b: number, into: number) => number;
  readonly mul: (a: number, b: number, into: number) => number;
  readonly copy: (from: number, into: number) => number;
  readonly toMontgomery: (from: number, into: number) => number;

  constructor(kernel: WasmKernel) {
    this.kernel = kernel;
    this.add = kernel.call("frm_add");
    this.sub = kernel.call("frm_sub");
    this.mul = kernel.call("frm_mul");
    this.copy = kernel.call("frm_copy");
    this.toMontgomery = kernel.call("frm_toMontgomery");
  }

  /** `count` elements, all 0. */
  zeros(count: number): number {
    const at = this.kernel.alloc(count * FIELD_BYTES);
    this.kernel.bytes.fill(0, at, at + count * FIELD_BYTES);
    return at;
  }

  /** Address of a reduced constant. */
  constant(value: bigint): number {
    const at = this.kernel.alloc(FIELD_BYTES);
    this.kernel.write(at, elementBytes(value));
    this.toMontgomery(at, at);
    return at;
  }

  /** Replaces `count` elements by their inverses. */
  invertAll(at: number, count: number): void {
    this.kernel.reserve((count + 2) * FIELD_BYTES);
    this.kernel.call("frm_batchInverse")(at, FIELD_BYTES, count, at, FIELD_BYTES);
  }

  /** Plain little-endian bytes of `count` elements, written to `into`; the elements stay. */
  export(at: number, count: number, into: Uint8Array): void {
    const mark = this.kernel.mark();
    const plain = this.kernel.alloc(count * FIELD_BYTES);
    this.kernel.call("frm_batchFromMontgomery")(at, count, plain);
    into.set(this.kernel.bytes.subarray(plain, plain + count * FIELD_BYTES));
    this.kernel.release(mark);
  }
}
