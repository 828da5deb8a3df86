// SPDX-License-Identifier: GPL-3.0-or-later

/** How a range is looked up: limbs of these widths, lowest first; `shift` > 0: the top limb once more, plus shift. */
export interface RangeShape {
  readonly widths: readonly number[];
  readonly shift: number;
}

export const MIN_TABLE_BITS = 3;
export const MAX_TABLE_BITS = 13;
/** Sums of limbs stay below r, with room for the sums they stand in. */
export const MAX_RANGE_BITS = 252;

export const shapeCost = ({ widths, shift }: RangeShape): number => widths.length + (shift > 0 ? 1 : 0);

/** Bits that bound the value: what the limbs can hold at most. */
export const shapeBits = ({ widths }: RangeShape): number => widths.reduce((sum, width) => sum + width, 0);

export const bitLength = (value: bigint): number => (value <= 0n ? 0 : value.toString(2).length);

/** The shapes that one set of range tables offers. `tables`: widths in bits, ascending. */
export class RangeShapes {
  readonly tables: readonly number[];
  readonly #exact = new Map<number, RangeShape>();
  readonly #loose = new Map<number, RangeShape>();

  constructor(tables: readonly number[]) {
    this.tables = tables;
  }

  /** The cheapest proof of 0 <= x < 2^bits, no more and no less: limbs that fill the width, or wider ones and a shifted top limb. */
  exact(bits: number): RangeShape {
    let shape = this.#exact.get(bits);
    if (shape === undefined) this.#exact.set(bits, (shape = this.#findExact(bits)));
    return shape;
  }

  #findExact(bits: number): RangeShape {
    const best: (readonly number[] | undefined)[] = [[]];
    for (let b = 1; b <= bits; b++) {
      for (const width of this.tables) {
        const before = width <= b ? best[b - width] : undefined;
        if (before !== undefined && before.length + 1 < (best[b]?.length ?? Infinity)) best[b] = [...before, width];
      }
    }
    const filled = best[bits];
    const widest = this.tables.at(-1) ?? 0;
    const limbs = Math.ceil(bits / widest);
    if (filled !== undefined && filled.length <= limbs + 1)
      return { widths: filled.toSorted((x, y) => x - y), shift: 0 };
    const top = bits - (limbs - 1) * widest;
    // The narrowest table that holds the top limb: the bound stays near, the count is the same.
    const width = this.tables.find((w) => w >= top) ?? widest;
    const widths = [...Array.from({ length: limbs - 1 }, () => widest), width];
    return { widths, shift: width === top ? 0 : 2 ** width - 2 ** top };
  }

  /** The cheapest proof of 0 <= x < 2^b for some b >= bits, b as small as that allows. */
  loose(bits: number): RangeShape {
    let shape = this.#loose.get(bits);
    if (shape === undefined) {
      const widest = this.tables.at(-1) ?? 0;
      const limbs = Math.max(1, Math.ceil(bits / widest));
      const top = Math.max(1, bits - (limbs - 1) * widest);
      const width = this.tables.find((w) => w >= top) ?? widest;
      shape = { widths: [...Array.from({ length: limbs - 1 }, () => widest), width], shift: 0 };
      this.#loose.set(bits, shape);
    }
    return shape;
  }
}
