// SPDX-License-Identifier: GPL-3.0-or-later

/** mulberry32: whole numbers from a seed, the same everywhere. For reproducible measurements, never for secrets. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** Mean 0, variance 1: twelve uniform numbers, so that no logarithm is needed, which machines round differently. */
  normal(): number {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += this.next() / 2 ** 32;
    return sum - 6;
  }

  /** 0 to n - 1 in random order. */
  order(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor((this.next() / 2 ** 32) * (i + 1));
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    return order;
  }
}
