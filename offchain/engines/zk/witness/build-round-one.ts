// SPDX-License-Identifier: GPL-3.0-or-later
import { bytesToBig } from "../../../core/bytes.ts";
import { WORD_BYTES } from "../../../core/poseidon.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { weightOf } from "../circuit/architecture.ts";
import { CircuitError } from "../circuit/errors.ts";
import {
  STEP_ADVICE,
  STEP_CLAMP,
  STEP_CONTEXT,
  STEP_DEFINE,
  STEP_EQUALS,
  STEP_EXCESS,
  STEP_FACTOR,
  STEP_FORM,
  STEP_FUNCTION,
  STEP_LIMB,
  STEP_MULTIPLICITY,
  STEP_NEGATIVE,
  STEP_SALT,
  STEP_VALUE,
  STEP_WEIGHT,
} from "../circuit/netlist.ts";
import type { CompiledCircuit } from "../circuit/types.ts";
import { SAFE } from "../r1cs/field-words.ts";
import { entryOf } from "../r1cs/r1cs.ts";
import { Evaluator } from "./evaluator.ts";
import { runValues } from "./run-values.ts";
import { shortConstants } from "./short-constants.ts";
import { WireValues } from "./wire-values.ts";

export interface RoundOneInputs {
  readonly inputs: readonly Tensor[];
  /** One a boundary, inputs then output: 31 bytes where it is SALTED. */
  readonly salts: readonly (Uint8Array | null | undefined)[];
  /** One-round backend only: ctx, the claim's hash mod r. */
  readonly context?: bigint;
  /** Linear-check mode only: r of all operators, one after another, below the field's order. A job's proof has zeros. */
  readonly factors?: readonly bigint[];
}

export interface RoundOne {
  /** Wires × 32 bytes, little-endian; v, c, rho and round-2 wires are 0. */
  readonly values: Uint8Array;
  readonly outputs: readonly Tensor[];
}

const STEP_SIZE = 5;
const QUERY_SIZE = 3;
/** floor(value / 2^shift) */
const shifted = (value: number, shift: number): number => (shift === 0 ? value : Math.floor(value / 2 ** shift));

class RoundOneBuilder {
  readonly #circuit: CompiledCircuit;
  readonly #values: WireValues;
  readonly #evaluator: Evaluator;
  readonly #short: Float64Array;
  readonly #program: ReturnType<typeof runValues>;
  readonly #context: bigint;
  readonly #salts: RoundOneInputs["salts"];
  readonly #factors: readonly bigint[];
  readonly #counts: Int32Array[];

  constructor(circuit: CompiledCircuit, { inputs, salts, context, factors = [] }: RoundOneInputs) {
    const most = circuit.checks.reduce((sum, { rows }) => sum + rows, 0);
    if (factors.length > 0 && factors.length !== most)
      throw new CircuitError("WITNESS_INPUT", { reason: `${factors.length} factors for ${most} accumulators` });
    this.#factors = factors;
    this.#context = context ?? 0n;
    this.#circuit = circuit;
    this.#values = new WireValues(circuit.r1cs.wires);
    const constants = shortConstants(circuit.r1cs);
    this.#evaluator = new Evaluator(this.#values, constants);
    this.#short = constants.scaled(0);
    this.#program = runValues(circuit.program, inputs);
    this.#salts = salts;
    this.#counts = circuit.plan.tables.map(({ rows }) => new Int32Array(rows));
  }

  run(): RoundOne {
    const { steps } = this.#circuit.plan;
    const late: number[] = [];
    for (let at = 0; at < steps.length; at += STEP_SIZE) {
      if (steps[at] === STEP_MULTIPLICITY) late.push(at);
      else this.#step(at);
    }
    this.#count();
    for (const at of late) {
      const counts = this.#counts[steps[at + 3] as number];
      this.#values.numbers[steps[at + 1] as number] = counts?.[steps[at + 4] as number] ?? 0;
    }
    return { values: this.#values.toBytes(), outputs: [this.#program.output] };
  }

  wipe(): void {
    this.#values.wipe();
  }

  #step(at: number): void {
    const { steps, forms } = this.#circuit.plan;
    const kind = steps[at] as number;
    const wire = steps[at + 1] as number;
    const form = steps[at + 2] as number;
    const [p, q] = [steps[at + 3] as number, steps[at + 4] as number];
    if (form >= 0) {
      const small = this.#evaluator.number(forms, form);
      if (Number.isNaN(small)) this.#bigStep(kind, wire, this.#evaluator.big(forms, form), p, q);
      else this.#values.numbers[wire] = this.#smallStep(kind, wire, small, p, q);
    } else if (kind === STEP_VALUE) this.#setValue(wire, this.#program.values[p]?.[q] ?? 0);
    else if (kind === STEP_ADVICE) this.#setValue(wire, this.#program.advice.of(p)[q] ?? 0);
    else if (kind === STEP_CONTEXT) this.#values.set(wire, this.#context);
    else if (kind === STEP_WEIGHT) this.#setValue(wire, weightOf(this.#circuit.program.ops[p], q));
    else if (kind === STEP_SALT) this.#values.set(wire, bytesToBig(this.#salt(p)));
    else if (kind === STEP_FACTOR) this.#values.set(wire, this.#factors[q] ?? 0n);
    else if (kind === STEP_DEFINE) this.#define(p, wire);
    else throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: `step ${kind} is unknown` });
  }

  #smallStep(kind: number, wire: number, value: number, p: number, q: number): number {
    if (kind === STEP_LIMB) {
      const high = shifted(value, p);
      return high - shifted(high, q) * 2 ** q;
    }
    if (kind === STEP_EXCESS) return Math.max(0, shifted(value, p));
    if (kind === STEP_NEGATIVE) return value < 0 ? 1 : 0;
    if (kind === STEP_EQUALS) return value === p ? 1 : 0;
    if (kind === STEP_FORM) return value;
    if (kind === STEP_CLAMP) {
      const [lo, hi] = this.#circuit.plan.limits[q] ?? [0, 0];
      return Math.min(hi, Math.max(lo, shifted(value, p)));
    }
    if (kind === STEP_FUNCTION) return this.#entry(p, shifted(value, q));
    throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: `step ${kind} is unknown` });
  }

  #bigStep(kind: number, wire: number, value: bigint, p: number, q: number): void {
    const high = value >> BigInt(p);
    if (kind === STEP_LIMB) this.#values.set(wire, high & ((1n << BigInt(q)) - 1n));
    else if (kind === STEP_EXCESS) this.#values.set(wire, high < 0n ? 0n : high);
    else if (kind === STEP_NEGATIVE) this.#values.set(wire, value < 0n ? 1n : 0n);
    else if (kind === STEP_FORM) this.#values.set(wire, value);
    else if (kind === STEP_FUNCTION) this.#values.numbers[wire] = this.#entry(p, Number(value >> BigInt(q)));
    else if (kind === STEP_CLAMP) {
      const [lo, hi] = this.#circuit.plan.limits[q] ?? [0, 0];
      this.#values.set(wire, high < BigInt(lo) ? BigInt(lo) : high > BigInt(hi) ? BigInt(hi) : high);
    } else throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: `step ${kind} takes small values only` });
  }

  #entry(fn: number, key: number): number {
    const { first = 0, values } = this.#circuit.plan.functions[fn] ?? {};
    return values?.[key - first] ?? 0;
  }

  #setValue(wire: number, value: number | bigint): void {
    if (typeof value === "number") this.#values.numbers[wire] = value;
    else this.#values.set(wire, value);
  }

  #salt(boundary: number): Uint8Array {
    const salt = this.#salts[boundary];
    if (salt?.length !== WORD_BYTES)
      throw new CircuitError("WITNESS_INPUT", { reason: `boundary ${boundary} takes a salt of ${WORD_BYTES} bytes` });
    return salt;
  }

  /** A committed wire that its constraint defines: A·B minus the rest of C, over its own coefficient, which is ±1. */
  #define(row: number, wire: number): void {
    const { a, b, c } = this.#circuit.r1cs;
    const own = this.#short[c.coefficients[entryOf(c, row, wire)] ?? -1];
    if (own !== 1 && own !== -1)
      throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "its definition is scaled" });
    const { numbers } = this.#values;
    numbers[wire] = 0;
    const evaluator = this.#evaluator;
    const product = evaluator.number(a, row) * evaluator.number(b, row);
    const rest = evaluator.number(c, row);
    if (Math.abs(product) + Math.abs(rest) < SAFE) numbers[wire] = (product - rest) * own;
    else {
      const exact = evaluator.integer(a, row) * evaluator.integer(b, row) - evaluator.integer(c, row);
      this.#values.set(wire, exact * BigInt(own));
    }
  }

  /**
   * How often each table row is used. A value outside its table would make a proof impossible: it is a bug, and the table is named. The
   * row is not: it follows from the inputs, which are secret.
   */
  #count(): void {
    const { queries, tables, forms } = this.#circuit.plan;
    for (let at = 0; at < queries.length; at += QUERY_SIZE) {
      const table = queries[at] as number;
      const form = queries[at + 1] as number;
      const shift = queries[at + 2] as number;
      const { first = 0, rows = 0, rowOf } = tables[table] ?? {};
      const small = this.#evaluator.number(forms, form);
      const key = Number.isNaN(small)
        ? Number((this.#evaluator.big(forms, form) >> BigInt(shift)) - BigInt(first))
        : shifted(small, shift) - first;
      const row = rowOf === undefined ? key : (rowOf[key] ?? -1);
      const counts = this.#counts[table];
      if (counts === undefined || !(row >= 0 && row < rows))
        throw new CircuitError("WITNESS_UNSOLVED", { wire: 0, reason: `a lookup misses table ${table}` });
      counts[row] = (counts[row] as number) + 1;
    }
  }
}

/**
 * Values of all committed wires for one input: those of the program's reference executor, and the advice that the gadgets take.
 * Errors: INPUT_COUNT, INPUT_SHAPE, INPUT_RANGE, WITNESS_INPUT for a missing salt.
 */
export function buildRoundOne(circuit: CompiledCircuit, inputs: RoundOneInputs): RoundOne {
  const builder = new RoundOneBuilder(circuit, inputs);
  try {
    return builder.run();
  } finally {
    builder.wipe();
  }
}
