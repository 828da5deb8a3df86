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
import { Evaluator } from "./evaluator.ts";
import { runValues } from "./run-values.ts";
import { WireValues } from "./wire-values.ts";

export interface RoundOneInputs {
  readonly inputs: readonly Tensor[];
  /** One a boundary, inputs then output: 31 bytes where it is SALTED. */
  readonly salts: readonly (Uint8Array | null | undefined)[];
  /** One-round backend only: ctx, the claim's hash mod r. */
  readonly context?: bigint;
}

export interface RoundOne {
  /** Wires × 32 bytes, little-endian; v, c, rho and round-2 wires are 0. */
  readonly values: Uint8Array;
  readonly outputs: readonly Tensor[];
}

const STEP_SIZE = 5;
const QUERY_SIZE = 3;

class RoundOneBuilder {
  readonly #circuit: CompiledCircuit;
  readonly #values: WireValues;
  readonly #evaluator: Evaluator;
  readonly #program: ReturnType<typeof runValues>;
  readonly #context: bigint;
  readonly #salts: RoundOneInputs["salts"];
  readonly #counts: Int32Array[];

  constructor(circuit: CompiledCircuit, { inputs, salts, context }: RoundOneInputs) {
    this.#context = context ?? 0n;
    this.#circuit = circuit;
    this.#values = new WireValues(circuit.r1cs.wires);
    this.#evaluator = new Evaluator(this.#values, circuit.r1cs.constants);
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
      const [wire = 0, table = 0, row = 0] = [steps[at + 1], steps[at + 3], steps[at + 4]];
      this.#values.numbers[wire] = this.#counts[table]?.[row] ?? 0;
    }
    return { values: this.#values.toBytes(), outputs: [this.#program.output] };
  }

  #step(at: number): void {
    const { steps, forms, limits } = this.#circuit.plan;
    const [kind = 0, wire = 0, form = 0, p = 0, q = 0] = steps.subarray(at, at + STEP_SIZE);
    const { numbers } = this.#values;
    if (kind === STEP_VALUE) this.#setValue(wire, this.#program.values[p]?.[q] ?? 0);
    else if (kind === STEP_ADVICE) this.#setValue(wire, this.#program.advice.of(p)[q] ?? 0);
    else if (kind === STEP_CONTEXT) this.#values.set(wire, this.#context);
    else if (kind === STEP_WEIGHT) this.#setValue(wire, weightOf(this.#circuit.program.ops[p], q));
    else if (kind === STEP_SALT) this.#values.set(wire, bytesToBig(this.#salt(p)));
    else if (kind === STEP_DEFINE) this.#define(p, wire);
    else {
      const small = this.#evaluator.number(forms, form);
      if (Number.isNaN(small)) this.#bigStep(kind, wire, this.#evaluator.big(forms, form), p, q);
      else if (kind === STEP_LIMB) {
        const shifted = Math.floor(small / 2 ** p);
        numbers[wire] = shifted - Math.floor(shifted / 2 ** q) * 2 ** q;
      } else if (kind === STEP_EXCESS) numbers[wire] = Math.max(0, Math.floor(small / 2 ** p));
      else if (kind === STEP_NEGATIVE) numbers[wire] = small < 0 ? 1 : 0;
      else if (kind === STEP_EQUALS) numbers[wire] = small === p ? 1 : 0;
      else if (kind === STEP_FORM) numbers[wire] = small;
      else if (kind === STEP_CLAMP) {
        const [lo, hi] = limits[q] ?? [0, 0];
        numbers[wire] = Math.min(hi, Math.max(lo, Math.floor(small / 2 ** p)));
      } else if (kind === STEP_FUNCTION) numbers[wire] = this.#entry(p, Math.floor(small / 2 ** q));
      else throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: `step ${kind} is unknown` });
    }
  }

  #bigStep(kind: number, wire: number, value: bigint, p: number, q: number): void {
    const shifted = value >> BigInt(p);
    if (kind === STEP_LIMB) this.#values.set(wire, shifted & ((1n << BigInt(q)) - 1n));
    else if (kind === STEP_EXCESS) this.#values.set(wire, shifted < 0n ? 0n : shifted);
    else if (kind === STEP_NEGATIVE) this.#values.set(wire, value < 0n ? 1n : 0n);
    else if (kind === STEP_FORM) this.#values.set(wire, value);
    else if (kind === STEP_FUNCTION) this.#values.numbers[wire] = this.#entry(p, Number(value >> BigInt(q)));
    else if (kind === STEP_CLAMP) {
      const [lo, hi] = this.#circuit.plan.limits[q] ?? [0, 0];
      this.#values.set(wire, shifted < BigInt(lo) ? BigInt(lo) : shifted > BigInt(hi) ? BigInt(hi) : shifted);
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
    const own = this.#evaluator.coefficient(c, row, wire);
    this.#values.numbers[wire] = 0;
    const product = this.#evaluator.integer(a, row) * this.#evaluator.integer(b, row);
    const rest = product - this.#evaluator.integer(c, row);
    if (own !== 1n && own !== -1n)
      throw new CircuitError("WITNESS_UNSOLVED", { wire, reason: "its definition is scaled" });
    this.#values.set(wire, rest * own);
  }

  /**
   * How often each table row is used. A value outside its table would make a proof impossible: it is a bug, and the table is named. The
   * row is not: it follows from the inputs, which are secret.
   */
  #count(): void {
    const { queries, tables, forms } = this.#circuit.plan;
    for (let at = 0; at < queries.length; at += QUERY_SIZE) {
      const [table = 0, form = 0, shift = 0] = queries.subarray(at, at + QUERY_SIZE);
      const { first = 0, rows = 0, rowOf } = tables[table] ?? {};
      const small = this.#evaluator.number(forms, form);
      const key = Number.isNaN(small)
        ? Number((this.#evaluator.big(forms, form) >> BigInt(shift)) - BigInt(first))
        : Math.floor(small / 2 ** shift) - first;
      const row = rowOf === undefined ? key : (rowOf[key] ?? -1);
      const counts = this.#counts[table];
      if (counts === undefined || row < 0 || row >= rows)
        throw new CircuitError("WITNESS_UNSOLVED", { wire: 0, reason: `a lookup misses table ${table}` });
      counts[row] = (counts[row] ?? 0) + 1;
    }
  }
}

/**
 * Values of all committed wires for one input: those of the program's reference executor, and the advice that the gadgets take.
 * Errors: INPUT_COUNT, INPUT_SHAPE, INPUT_RANGE, WITNESS_INPUT for a missing salt.
 */
export function buildRoundOne(circuit: CompiledCircuit, inputs: RoundOneInputs): RoundOne {
  return new RoundOneBuilder(circuit, inputs).run();
}
