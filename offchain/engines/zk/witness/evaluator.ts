// SPDX-License-Identifier: GPL-3.0-or-later
import { centred, mod } from "../circuit/field.ts";
import type { SparseMatrix } from "../r1cs/r1cs.ts";
import type { WireValues } from "./wire-values.ts";

const SAFE = 2 ** 53;

/** Evaluates affine forms over integer values: in doubles where nothing can pass 2^53, else in BigInt. */
export class Evaluator {
  readonly #values: WireValues;
  readonly #constants: readonly bigint[];
  readonly #numbers: Float64Array;

  constructor(values: WireValues, constants: readonly bigint[]) {
    this.#values = values;
    this.#constants = constants.map(centred);
    this.#numbers = Float64Array.from(this.#constants, (constant) =>
      constant < BigInt(SAFE) && constant > -BigInt(SAFE) ? Number(constant) : Number.NaN,
    );
  }

  /** The value as a number, or NaN if it has to be asked for with `big`. */
  number({ offsets, wires, coefficients }: SparseMatrix, row: number): number {
    let [sum, reach] = [0, 0];
    const end = offsets[row + 1] as number;
    for (let i = offsets[row] as number; i < end; i++) {
      const term =
        (this.#numbers[coefficients[i] as number] as number) * (this.#values.numbers[wires[i] as number] as number);
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
      sum += (this.#constants[coefficients[i] as number] as bigint) * this.#values.big(wires[i] as number);
    return centred(mod(sum));
  }

  integer(matrix: SparseMatrix, row: number): bigint {
    const small = this.number(matrix, row);
    return Number.isNaN(small) ? this.big(matrix, row) : BigInt(small);
  }

  /** Coefficient of a wire in a row, 0 if absent. */
  coefficient({ offsets, wires, coefficients }: SparseMatrix, row: number, wire: number): bigint {
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++)
      if (wires[i] === wire) return this.#constants[coefficients[i] as number] as bigint;
    return 0n;
  }
}
