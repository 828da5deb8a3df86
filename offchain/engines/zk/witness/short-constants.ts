// SPDX-License-Identifier: GPL-3.0-or-later
import { centred, mod } from "../circuit/field.ts";
import { SAFE } from "../r1cs/field-words.ts";
import type { R1cs } from "../r1cs/r1cs.ts";

/** Shifts of the quantised family end at 30; what has a larger denominator takes the way of big integers. */
const MAX_SCALE = 32;
const LIMIT = BigInt(SAFE);
const isShort = (value: bigint): boolean => value < LIMIT && value > -LIMIT;

/** The constant is no short integer over a power of two. */
export const NOT_SHORT = 255;

/**
 * A circuit's constants as doubles. Most are small integers, and most of the rest such integers over a power of two (a shift), which are
 * large numbers of the field: `scaled(s)` holds each constant times 2^s where that is short, so that a form of fractions is a sum of
 * doubles, divided once.
 */
export class ShortConstants {
  readonly #centred: readonly bigint[];
  /** The least s for which the constant times 2^s is below 2^53, or NOT_SHORT; by id. */
  readonly scales: Uint8Array;
  /** constant · 2^scale */
  readonly #numbers: Float64Array;
  readonly #tables: Float64Array[] = [];

  constructor(constants: readonly bigint[]) {
    this.#centred = constants.map(centred);
    this.scales = new Uint8Array(constants.length);
    this.#numbers = new Float64Array(constants.length);
    for (const [id, constant] of this.#centred.entries()) this.#add(id, constant);
  }

  /** The representative nearest to zero. */
  big(id: number): bigint {
    return this.#centred[id] as bigint;
  }

  #add(id: number, constant: bigint): void {
    let [value, scale] = [constant, 0];
    if (!isShort(value)) {
      [value, scale] = [centred(mod(constant << BigInt(MAX_SCALE))), MAX_SCALE];
      for (; scale > 0 && (value & 1n) === 0n; scale--) value >>= 1n;
    }
    this.scales[id] = isShort(value) ? scale : NOT_SHORT;
    this.#numbers[id] = Number(value);
  }

  /** constant · 2^scale by id, NaN where that is not short. */
  scaled(scale: number): Float64Array {
    const known = this.#tables[scale];
    if (known !== undefined) return known;
    const table = this.#numbers.map((value, id) => {
      const own = this.scales[id] as number;
      const number = own > scale ? Number.NaN : value * 2 ** (scale - own);
      return Math.abs(number) < SAFE ? number : Number.NaN;
    });
    return (this.#tables[scale] = table);
  }
}

const known = new WeakMap<readonly bigint[], ShortConstants>();

/** Those of a circuit, made once. */
export function shortConstants({ constants }: Pick<R1cs, "constants">): ShortConstants {
  let short = known.get(constants);
  if (short === undefined) known.set(constants, (short = new ShortConstants(constants)));
  return short;
}
