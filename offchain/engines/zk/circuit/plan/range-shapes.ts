// SPDX-License-Identifier: GPL-3.0-or-later

/** How a range is proved: limbs of these widths, lowest first; `shift` > 0: the top limb once more, plus shift. */
export interface RangeShape {
  readonly widths: readonly number[];
  readonly shift: number;
  /** Constraints; infinite where there is no way. */
  readonly cost: number;
}

/** The shapes that one backend offers. */
export interface RangeShapes {
  /** Widths in bits of the range tables, ascending. */
  readonly tables: readonly number[];
  /** The cheapest proof of 0 <= x < 2^bits, no more and no less. */
  exact(bits: number): RangeShape;
  /** The cheapest proof of 0 <= x < 2^b for some b >= bits, b as small as that allows. */
  loose(bits: number): RangeShape;
}

export const MIN_TABLE_BITS = 3;
export const MAX_TABLE_BITS = 13;
/** Limbs that hold more spell x + r too: then every element of the field is in their range, a negative one as well. */
const MAX_RANGE_BITS = 252;

export const shapeCost = ({ cost }: RangeShape): number => cost;

/** Bits that bound the value: what the limbs can hold at most. */
export const shapeBits = ({ widths }: RangeShape): number => widths.reduce((sum, width) => sum + width, 0);

export const bitLength = (value: bigint): number => (value <= 0n ? 0 : value.toString(2).length);

const IMPOSSIBLE: RangeShape = { widths: [], shift: 0, cost: Infinity };

function lookups(widths: readonly number[], shift: number): RangeShape {
  const cost = widths.length + (shift > 0 ? 1 : 0);
  return widths.reduce((sum, width) => sum + width, 0) > MAX_RANGE_BITS ? IMPOSSIBLE : { widths, shift, cost };
}

/** Ranges by lookups in one set of tables: limbs that fill the width, or wider ones and a shifted top limb. */
export class TableShapes implements RangeShapes {
  readonly tables: readonly number[];
  readonly #exact = new Map<number, RangeShape>();
  readonly #loose = new Map<number, RangeShape>();

  constructor(tables: readonly number[]) {
    this.tables = tables;
  }

  exact(bits: number): RangeShape {
    let shape = this.#exact.get(bits);
    if (shape === undefined) this.#exact.set(bits, (shape = this.#findExact(bits)));
    return shape;
  }

  #findExact(bits: number): RangeShape {
    const widest = this.tables.at(-1);
    if (widest === undefined) return IMPOSSIBLE;
    const best: (readonly number[] | undefined)[] = [[]];
    for (let b = 1; b <= bits; b++) {
      for (const width of this.tables) {
        const before = width <= b ? best[b - width] : undefined;
        if (before !== undefined && before.length + 1 < (best[b]?.length ?? Infinity)) best[b] = [...before, width];
      }
    }
    const filled = best[bits];
    const limbs = Math.ceil(bits / widest);
    if (filled !== undefined && filled.length <= limbs + 1)
      return lookups(
        filled.toSorted((x, y) => x - y),
        0,
      );
    const top = bits - (limbs - 1) * widest;
    // The narrowest table that holds the top limb: the bound stays near, the count is the same.
    const width = this.tables.find((w) => w >= top) ?? widest;
    const widths = [...Array.from({ length: limbs - 1 }, () => widest), width];
    return lookups(widths, width === top ? 0 : 2 ** width - 2 ** top);
  }

  loose(bits: number): RangeShape {
    let shape = this.#loose.get(bits);
    if (shape !== undefined) return shape;
    const widest = this.tables.at(-1);
    if (widest === undefined) return IMPOSSIBLE;
    const limbs = Math.max(1, Math.ceil(bits / widest));
    const top = Math.max(1, bits - (limbs - 1) * widest);
    const width = this.tables.find((w) => w >= top) ?? widest;
    shape = lookups([...Array.from({ length: limbs - 1 }, () => widest), width], 0);
    this.#loose.set(bits, shape);
    return shape;
  }
}

/** Ranges by bits, for the one-round backend: always exact, one constraint a bit. */
export class BitShapes implements RangeShapes {
  readonly tables: readonly number[] = [];

  exact(bits: number): RangeShape {
    return { widths: [bits], shift: 0, cost: bits };
  }

  loose(bits: number): RangeShape {
    return this.exact(Math.max(1, bits));
  }
}
