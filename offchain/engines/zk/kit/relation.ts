// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, mod } from "../../../core/poseidon-constants.ts";
import { centred } from "../r1cs/check-witness.ts";
import { FIELD_WORDS, asWords, bigintOfWords } from "../r1cs/field-words.ts";
import type { R1cs, SparseMatrix } from "../r1cs/r1cs.ts";
import type { WitnessValues } from "../r1cs/witness-values.ts";
import type { Form } from "./form.ts";
import type { LookupCheck, Rounds } from "./rounds.ts";

const SAFE = 2 ** 53;
/** Columns are integers over a power of two at most. */
const MOST_SCALE = 64;

/** An affine form in doubles: Σ by[i] · wire[i] / divisor; `exact` keeps it for values that pass 2^53. */
interface FastForm {
  readonly wires: Uint32Array;
  readonly by: Float64Array;
  readonly divisor: number;
  readonly exact: readonly (readonly [wire: number, by: bigint])[];
}

function fastForm(entries: Iterable<readonly [number, bigint]>): FastForm {
  const exact = [...entries];
  for (let scale = 0; scale <= MOST_SCALE; scale++) {
    const by = exact.map(([, coefficient]) => centred(mod(coefficient << BigInt(scale))));
    if (by.every((value) => value < BigInt(SAFE) && value > -BigInt(SAFE)))
      return {
        wires: Uint32Array.from(exact, ([wire]) => wire),
        by: Float64Array.from(by, Number),
        divisor: 2 ** scale,
        exact,
      };
  }
  return { wires: new Uint32Array(), by: new Float64Array(), divisor: Number.NaN, exact };
}

function rowForm({ offsets, wires, coefficients }: SparseMatrix, row: number, constants: readonly bigint[]): FastForm {
  const [from = 0, to = 0] = [offsets[row], offsets[row + 1]];
  return fastForm(
    Array.from(
      { length: to - from },
      (_, i) => [wires[from + i] ?? 0, constants[coefficients[from + i] ?? 0] ?? 0n] as const,
    ),
  );
}

interface Table {
  readonly rows: ReadonlySet<string | number>;
  readonly queries: readonly (readonly FastForm[])[];
}

const keyOf = (cells: readonly (number | bigint)[]): string | number =>
  cells.length === 1 ? Number(cells[0] ?? 0) : cells.join();

function tableOf({ table, queries, columns }: LookupCheck): Table {
  const cells = Array.from({ length: columns }, (_, k) => k);
  const constant = (form: Form | undefined): bigint => centred(form?.get(0) ?? 0n);
  return {
    rows: new Set(table.map((row) => keyOf(cells.map((k) => constant(row.columns[k]))))),
    queries: queries.map((query) => cells.map((k) => fastForm(query.columns[k] ?? []))),
  };
}

/**
 * The relation that a two-round circuit proves, without its challenges: committed constraints hold and every query is a row of its
 * table. What the lookups and their random sums prove, checked directly and fast, on round-1 values alone. Identities in rho are left
 * to the constraint checker.
 */
export class Relation {
  readonly #rows: readonly (readonly [FastForm, FastForm, FastForm])[];
  readonly #tables: readonly Table[];
  #words: Uint32Array = new Uint32Array();
  #numbers: Float64Array = new Float64Array();

  constructor(r1cs: R1cs, rounds: Rounds) {
    const side = (matrix: SparseMatrix, row: number) => rowForm(matrix, row, r1cs.constants);
    this.#rows = rounds.committed.map((row) => [side(r1cs.a, row), side(r1cs.b, row), side(r1cs.c, row)] as const);
    this.#tables = rounds.checks.filter((check) => check.kind === "lookup").map(tableOf);
  }

  /** What fails first, or null. `values`: round-1 values, wires × 32 bytes. */
  firstFailure(values: WitnessValues): string | null {
    this.#words = asWords(values);
    this.#numbers = numbersOf(this.#words);
    for (const [i, [a, b, c]] of this.#rows.entries()) {
      const [left, right, product] = [this.#number(a), this.#number(b), this.#number(c)];
      const made = left * right;
      if (Math.abs(made) < SAFE && !Number.isNaN(product)) {
        if (made !== product) return `committed constraint ${i}`;
      } else if (mod(this.#big(a) * this.#big(b) - this.#big(c)) !== 0n) return `committed constraint ${i}`;
    }
    for (const [t, { rows, queries }] of this.#tables.entries())
      for (const [q, forms] of queries.entries())
        if (!rows.has(keyOf(forms.map((form) => this.#cell(form))))) return `query ${q} of table ${t}`;
    return null;
  }

  #cell(form: FastForm): number | bigint {
    const value = this.#number(form);
    return Number.isNaN(value) ? centred(this.#big(form)) : value;
  }

  #number({ wires, by, divisor }: FastForm): number {
    let [sum, reach] = [0, 0];
    for (let i = 0; i < wires.length; i++) {
      const term = (by[i] as number) * (this.#numbers[wires[i] as number] as number);
      sum += term;
      reach += Math.abs(term);
    }
    // NaN compares false: big values and forms that are no such fractions end here too. A fraction that is no integer meets no row.
    return reach < SAFE ? sum / divisor : Number.NaN;
  }

  #big({ exact }: FastForm): bigint {
    let sum = 0n;
    for (const [wire, by] of exact) sum += by * bigintOfWords(this.#words, wire * FIELD_WORDS);
    return mod(sum);
  }
}

/** Values as doubles, negatives as such; NaN beyond 2^53. */
function numbersOf(words: Uint32Array): Float64Array {
  const numbers = new Float64Array(words.length / FIELD_WORDS);
  for (let wire = 0; wire < numbers.length; wire++) {
    const at = wire * FIELD_WORDS;
    let high = 0;
    for (let i = 2; i < FIELD_WORDS; i++) high |= words[at + i] as number;
    const small = (words[at] as number) + (words[at + 1] as number) * 2 ** 32;
    if (high === 0 && small < SAFE) numbers[wire] = small;
    else {
      const negative = FIELD - bigintOfWords(words, at);
      numbers[wire] = negative < BigInt(SAFE) ? -Number(negative) : Number.NaN;
    }
  }
  return numbers;
}
