// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { ProverError } from "../prover/errors.ts";
import { FIELD_BYTES } from "../r1cs/field-words.ts";
import { constraintCount, type R1cs, type WireRange } from "../r1cs/r1cs.ts";
import { elementBytes, type FieldArithmetic, inverse, power, rootOfUnity } from "./field-arithmetic.ts";
import type { DevelopmentTrapdoor } from "./trapdoor.ts";

/** Discrete logarithms of a whole key: plain little-endian scalars of 32 bytes. */
export interface QapScalars {
  readonly domain: number;
  readonly publics: number;
  /** u_i(τ) for every wire: sections 5; v_i(τ): sections 6 and 7. */
  readonly a: Uint8Array;
  readonly b: Uint8Array;
  /** ck_i, over the delta of the wire's group for private wires. */
  readonly ck: Uint8Array;
  /** Section 9. */
  readonly h: Uint8Array;
  /** Section 4, ready to be written. */
  readonly coefficients: Uint8Array;
}

interface Committed {
  readonly weights: WireRange;
  readonly round1: WireRange;
}

const ROWS_A_SLICE = 4096;
const ENTRY_BYTES = 12 + FIELD_BYTES;
const MAX_LOG2 = 26;

/** Domain of a circuit, as snarkjs chooses it. Error: CIRCUIT_TOO_LARGE. */
export function domainLog2(constraints: number, publics: number): number {
  let log2 = 1;
  while (2 ** log2 < constraints + publics + 1) log2++;
  if (log2 > MAX_LOG2)
    throw new ProverError("CIRCUIT_TOO_LARGE", { needed: constraints, what: "constraints", limit: 2 ** MAX_LOG2 });
  return log2;
}

/** All Lagrange polynomials of the subgroup of order 2^log2 at x, times `factor`: L_i(x) = (xⁿ−1)/n · ωⁱ/(x−ωⁱ). */
function lagrange(field: FieldArithmetic, log2: number, x: bigint, factor: bigint): number {
  const n = 2 ** log2;
  const values = field.kernel.alloc(n * FIELD_BYTES);
  const mark = field.kernel.mark();
  const powers = field.kernel.alloc(n * FIELD_BYTES);
  const [omega, at] = [field.constant(rootOfUnity(log2)), field.constant(x)];
  const scale = (power(x, BigInt(n)) + FIELD - 1n) * inverse(BigInt(n)) * factor;
  let previous = field.constant(scale % FIELD);
  const root = field.constant(1n);
  for (let i = 0; i < n; i++) {
    field.sub(at, root, values + i * FIELD_BYTES);
    field.mul(root, omega, root);
  }
  field.invertAll(values, n);
  for (let i = 0; i < n; i++) {
    const scaled = powers + i * FIELD_BYTES;
    if (i === 0) field.copy(previous, scaled);
    else field.mul(previous, omega, scaled);
    previous = scaled;
    field.mul(values + i * FIELD_BYTES, scaled, values + i * FIELD_BYTES);
  }
  field.kernel.release(mark);
  return values;
}

/** Multiplies constants into wires row by row: for each entry, sum[wire] += coefficient · L[row]. */
class Accumulator {
  readonly #field: FieldArithmetic;
  readonly #constants: number;
  readonly #isOne: readonly boolean[];
  readonly #product: number;

  constructor(field: FieldArithmetic, constants: readonly bigint[]) {
    this.#field = field;
    this.#isOne = constants.map((value) => value === 1n);
    this.#constants = field.kernel.alloc(constants.length * FIELD_BYTES);
    for (const [i, value] of constants.entries()) {
      const at = this.#constants + i * FIELD_BYTES;
      field.kernel.write(at, elementBytes(value));
      field.toMontgomery(at, at);
    }
    this.#product = field.zeros(1);
  }

  row(matrix: R1cs["a"], row: number, basis: number, sums: number): void {
    const { add, mul } = this.#field;
    const end = matrix.offsets[row + 1] ?? 0;
    for (let entry = matrix.offsets[row] ?? 0; entry < end; entry++) {
      const sum = sums + (matrix.wires[entry] ?? 0) * FIELD_BYTES;
      const constant = matrix.coefficients[entry] ?? 0;
      if (this.#isOne[constant] === true) add(sum, basis, sum);
      else {
        mul(this.#constants + constant * FIELD_BYTES, basis, this.#product);
        add(sum, this.#product, sum);
      }
    }
  }
}

/** Section 4: A and B entry by entry, then one row a public wire, which makes its A polynomial independent of all others. */
function coefficientSection(field: FieldArithmetic, r1cs: R1cs, publics: number): Uint8Array {
  const { a, b, constants } = r1cs;
  const rows = constraintCount(r1cs);
  const count = a.wires.length + b.wires.length + publics + 1;
  const bytes = new Uint8Array(4 + count * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count, true);
  // Stored as value · R²: snarkjs multiplies it by a plain witness and gets Montgomery form.
  const squared = [...constants, 1n].map((value) => {
    const mark = field.kernel.mark();
    const at = field.constant(value);
    field.toMontgomery(at, at);
    const element = field.kernel.read(at, FIELD_BYTES);
    field.kernel.release(mark);
    return element;
  });
  let at = 4;
  const put = (matrix: number, row: number, wire: number, constant: number): void => {
    view.setUint32(at, matrix, true);
    view.setUint32(at + 4, row, true);
    view.setUint32(at + 8, wire, true);
    bytes.set(squared[constant] ?? [], at + 12);
    at += ENTRY_BYTES;
  };
  for (let row = 0; row < rows; row++)
    for (const [matrix, { offsets, wires, coefficients }] of [a, b].entries())
      for (let entry = offsets[row] ?? 0; entry < (offsets[row + 1] ?? 0); entry++)
        put(matrix, row, wires[entry] ?? 0, coefficients[entry] ?? 0);
  for (let wire = 0; wire <= publics; wire++) put(0, rows + wire, wire, constants.length);
  return bytes;
}

/** The delta that a private wire's only published point is divided by. */
function deltaOf(wire: number, groups: Committed, trapdoor: DevelopmentTrapdoor): bigint {
  const inside = ({ from, count }: WireRange): boolean => wire >= from && wire < from + count;
  return inside(groups.weights) ? trapdoor.deltaWeights : inside(groups.round1) ? trapdoor.delta1 : trapdoor.delta2;
}

export interface EvaluateOptions {
  /** Called between slices of work; may wait, and throws when the caller has lost interest. */
  readonly breathe: (done: number) => Promise<void>;
}

/**
 * Every scalar of a key whose trapdoor is known. Division by δ2 of H uses that L of the doubled domain at odd points is L of this
 * domain at τ/ω₂ₙ times Z(τ)/(−2). Error: CIRCUIT_TOO_LARGE.
 */
export async function evaluateQap(
  field: FieldArithmetic,
  r1cs: R1cs,
  groups: Committed,
  trapdoor: DevelopmentTrapdoor,
  { breathe }: EvaluateOptions,
): Promise<QapScalars> {
  const publics = r1cs.outputs + r1cs.publicInputs;
  const rows = constraintCount(r1cs);
  const log2 = domainLog2(rows, publics);
  const domain = 2 ** log2;
  const wires = r1cs.wires;
  const { tau, alpha, beta, delta2 } = trapdoor;
  const mark = field.kernel.mark();
  const scalars = (count: number): Uint8Array => new Uint8Array(count * FIELD_BYTES);

  const h = scalars(domain);
  const vanishing = (power(tau, BigInt(domain)) + FIELD - 1n) % FIELD;
  const factor = (vanishing * inverse((FIELD - 2n) * delta2)) % FIELD;
  const shifted = (tau * inverse(rootOfUnity(log2 + 1))) % FIELD;
  field.export(lagrange(field, log2, shifted, factor), domain, h);
  field.kernel.release(mark);

  const basis = lagrange(field, log2, tau, 1n);
  const [sumsA, sumsB, sumsC] = [0, 1, 2].map(() => field.zeros(wires)) as [number, number, number];
  const accumulator = new Accumulator(field, r1cs.constants);
  for (let row = 0; row < rows; row++) {
    if (row % ROWS_A_SLICE === 0) await breathe(row / rows);
    const at = basis + row * FIELD_BYTES;
    accumulator.row(r1cs.a, row, at, sumsA);
    accumulator.row(r1cs.b, row, at, sumsB);
    accumulator.row(r1cs.c, row, at, sumsC);
  }
  for (let wire = 0; wire <= publics; wire++) {
    const sum = sumsA + wire * FIELD_BYTES;
    field.add(sum, basis + (rows + wire) * FIELD_BYTES, sum);
  }
  const [a, b, ck] = [scalars(wires), scalars(wires), scalars(wires)];
  field.export(sumsA, wires, a);
  field.export(sumsB, wires, b);
  await breathe(1);

  const [alphaAt, betaAt, product] = [field.constant(alpha), field.constant(beta), field.zeros(1)];
  const inverses = new Map<bigint, number>();
  const inverseAt = (delta: bigint): number => {
    const found = inverses.get(delta) ?? field.constant(inverse(delta));
    inverses.set(delta, found);
    return found;
  };
  for (let wire = 0; wire < wires; wire++) {
    const offset = wire * FIELD_BYTES;
    const sum = sumsC + offset;
    field.mul(betaAt, sumsA + offset, product);
    field.add(sum, product, sum);
    field.mul(alphaAt, sumsB + offset, product);
    field.add(sum, product, sum);
    if (wire > publics) field.mul(sum, inverseAt(deltaOf(wire, groups, trapdoor)), sum);
  }
  field.export(sumsC, wires, ck);
  const coefficients = coefficientSection(field, r1cs, publics);
  field.kernel.release(mark);
  return { domain, publics, a, b, ck, h, coefficients };
}
