// SPDX-License-Identifier: GPL-3.0-or-later
import type { WasmKernel } from "./wasm-kernel.ts";

export type GroupName = "g1" | "g2";

const SCALAR_BYTES = 32;
/** Scalars have 254 bits and a signed digit may carry once more. */
const SCALAR_BITS = 255;
const COORDINATE_BYTES = { g1: 32, g2: 64 } as const;

/** Bytes of an affine point. */
export const pointBytes = (group: GroupName): number => 2 * COORDINATE_BYTES[group];

/** Window width with the fewest additions for `count` multiplications, table included; at most 16 bits (34 MB of table). */
export function bestWindow(count: number): number {
  let best = 2;
  let least = Infinity;
  for (let width = 2; width <= 16; width++) {
    const additions = Math.ceil(SCALAR_BITS / width) * (2 ** (width - 1) + count);
    if (additions < least) [best, least] = [width, additions];
  }
  return best;
}

/**
 * Multiples of one point by table: window j holds 1·2^(wj)·P … 2^(w-1)·2^(wj)·P, a scalar is a sum of signed digits, so a
 * multiplication is one addition a window and no doubling.
 */
export class FixedBase {
  readonly #kernel: WasmKernel;
  readonly #group: GroupName;
  readonly #width: number;
  readonly #windows: number;
  readonly #table: number;

  /** `base` is affine, in the kernel's form. Takes memory of the kernel for good. */
  constructor(kernel: WasmKernel, group: GroupName, base: Uint8Array, width: number) {
    this.#kernel = kernel;
    this.#group = group;
    this.#width = width;
    this.#windows = Math.ceil(SCALAR_BITS / width);
    const affine = pointBytes(group);
    const half = 1 << (width - 1);
    this.#table = kernel.alloc(this.#windows * half * affine);
    const mark = kernel.mark();
    const [addMixed, double] = [kernel.call(`${group}m_addMixed`), kernel.call(`${group}m_double`)];
    const jacobian = COORDINATE_BYTES[group] * 3;
    const chain = kernel.alloc(half * jacobian);
    const step = kernel.alloc(affine);
    const next = kernel.alloc(jacobian);
    kernel.write(step, base);
    kernel.reserve(4 * half * jacobian);
    for (let window = 0; window < this.#windows; window++) {
      kernel.call(`${group}m_toJacobian`)(step, chain);
      // The second entry adds a point to itself, which addMixed handles as a doubling.
      for (let i = 1; i < half; i++) addMixed(chain + (i - 1) * jacobian, step, chain + i * jacobian);
      double(chain + (half - 1) * jacobian, next);
      kernel.call(`${group}m_batchToAffine`)(chain, half, this.#table + window * half * affine);
      kernel.call(`${group}m_toAffine`)(next, step);
    }
    kernel.release(mark);
  }

  /** Affine multiples by `count` plain little-endian scalars of 32 bytes, below r. 0 gives the point at infinity, all zero. */
  multiply(scalars: Uint8Array, count: number): Uint8Array {
    const kernel = this.#kernel;
    const group = this.#group;
    const mark = kernel.mark();
    const affine = pointBytes(group);
    const jacobian = COORDINATE_BYTES[group] * 3;
    const sums = kernel.alloc(count * jacobian);
    kernel.reserve(4 * count * jacobian + 4096);
    const [zero, add, subtract] = ["zero", "addMixed", "subMixed"].map((name) => kernel.call(`${group}m_${name}`)) as [
      (at: number) => number,
      (a: number, b: number, into: number) => number,
      (a: number, b: number, into: number) => number,
    ];
    const width = this.#width;
    const half = 1 << (width - 1);
    const stride = half * affine;
    for (let i = 0; i < count; i++) {
      const sum = sums + i * jacobian;
      zero(sum);
      let carry = 0;
      for (let window = 0; window < this.#windows; window++) {
        const digit = bits(scalars, i * SCALAR_BYTES, window * width, width) + carry;
        carry = digit > half ? 1 : 0;
        const signed = digit - (carry << width);
        if (signed > 0) add(sum, this.#table + window * stride + (signed - 1) * affine, sum);
        else if (signed < 0) subtract(sum, this.#table + window * stride + (-signed - 1) * affine, sum);
      }
    }
    kernel.call(`${group}m_batchToAffine`)(sums, count, sums);
    const points = kernel.read(sums, count * affine);
    kernel.release(mark);
    return points;
  }
}

/** `width` bits of the scalar at `at`, from bit `from` on; bits beyond 256 are 0. */
function bits(scalars: Uint8Array, at: number, from: number, width: number): number {
  const first = from >>> 3;
  let word = 0;
  for (let i = 2; i >= 0; i--) {
    const byte = first + i < SCALAR_BYTES ? (scalars[at + first + i] ?? 0) : 0;
    word = (word << 8) | byte;
  }
  return (word >>> (from & 7)) & ((1 << width) - 1);
}
