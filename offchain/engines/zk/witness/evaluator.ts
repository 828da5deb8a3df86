// SPDX-License-Identifier: GPL-3.0-or-later
import { centred, mod } from "../circuit/field.ts";
import { SAFE } from "../r1cs/field-words.ts";
import type { SparseMatrix } from "../r1cs/r1cs.ts";
import type { ShortConstants } from "./short-constants.ts";
import type { WireValues } from "./wire-values.ts";

/** Evaluates affine forms over integer values: in doubles where nothing can pass 2^53, else in BigInt. */
export class Evaluator {
  readonly #values: WireValues;
  readonly #constants: ShortConstants;
  readonly #short: Float64Array;

  constructor(values: WireValues, constants: ShortConstants) {
    this.#values = values;
    this.#constants = constants;
    this.#short = constants.scaled(0);
  }

  /** The value as a number, or NaN if it has to be asked for with `big`. */
  number({ offsets, wires, coefficients }: SparseMatrix, row: number): number {
    const short = this.#short;
    const { numbers } = this.#values;
    let [sum, reach] = [0, 0];
    const end = offsets[row + 1] as number;
    for (let i = offsets[row] as number; i < end; i++) {
      const term = (short[coefficients[i] as number] as number) * (numbers[wires[i] as number] as number);
      sum += term;
      reach += Math.abs(term);
    }
    return reach < SAFE ? sum : Number.NaN;
  }

  /** The value as the integer nearest to zero. Forms may have fractions as coefficients: their values are integers all the same. */
  big({ offsets, wires, coefficients }: SparseMatrix, row: number): bigint {
    let sum = 0n;
    const end = offsets[row + 1] as number;
    for (let i = offsets[row] as number; i < end; i++)
      sum += this.#constants.big(coefficients[i] as number) * this.#values.big(wires[i] as number);
    return centred(mod(sum));
  }

  integer(matrix: SparseMatrix, row: number): bigint {
    const small = this.number(matrix, row);
    return Number.isNaN(small) ? this.big(matrix, row) : BigInt(small);
  }
}
