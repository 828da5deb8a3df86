// SPDX-License-Identifier: GPL-3.0-or-later
import type { ScalarKernel } from "../scalar/scalar-kernel.ts";

/**
 * Inverts elements, equal ones once: a table of 256 rows is asked thousands of times, always for 1/(c − row). Montgomery's trick over the
 * distinct ones, one inversion and three products each. Uses 2 · `capacity` elements of the kernel from `base` on.
 */
export class DistinctInverses {
  readonly #kernel: ScalarKernel;
  readonly #base: number;
  readonly #capacity: number;
  /** Index of an element by its lowest bits, open addressing; the poles are random because c is. */
  readonly #slots: Int32Array;
  #count = 0;

  constructor(kernel: ScalarKernel, base: number, capacity: number) {
    this.#kernel = kernel;
    this.#base = base;
    this.#capacity = capacity;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity + 1))).fill(-1);
  }

  static elements(capacity: number): number {
    return 2 * capacity;
  }

  /** Where the next element is to be written before `add`. */
  get next(): number {
    return this.#base + this.#count;
  }

  /** Index of what was written to `next`. At most `capacity` between two calls of `clear`. */
  add(): number {
    const mask = this.#slots.length - 1;
    let slot = this.#kernel.low(this.next) & mask;
    for (;;) {
      const known = this.#slots[slot] as number;
      if (known < 0) break;
      if (this.#kernel.equal(this.#base + known, this.next)) return known;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = this.#count;
    return this.#count++;
  }

  /** No element may be 0. */
  invert(): void {
    if (this.#count === 0) return;
    const [kernel, values, products] = [this.#kernel, this.#base, this.#base + this.#capacity];
    // products[i] is what came before value i and itself. Each Montgomery product divides by R; the divisions cancel on the way back.
    kernel.copy(values, products);
    for (let i = 1; i < this.#count; i++) kernel.montgomery(products + i - 1, values + i, products + i);
    const rest = products + this.#count - 1;
    kernel.invert(rest);
    for (let i = this.#count - 1; i > 0; i--) {
      kernel.montgomery(rest, products + i - 1, products + i - 1);
      kernel.montgomery(rest, values + i, rest);
      kernel.copy(products + i - 1, values + i);
    }
    kernel.copy(rest, values);
  }

  /** The element of an inverse. */
  at(index: number): number {
    return this.#base + index;
  }

  clear(): void {
    this.#slots.fill(-1);
    this.#count = 0;
  }
}
