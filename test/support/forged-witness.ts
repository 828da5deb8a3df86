// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../offchain/core/poseidon-constants.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";
import { weightOf } from "../../offchain/engines/zk/circuit/architecture.ts";
import {
  STEP_ADVICE,
  STEP_CLAMP,
  STEP_DEFINE,
  STEP_EQUALS,
  STEP_EXCESS,
  STEP_FACTOR,
  STEP_FORM,
  STEP_FUNCTION,
  STEP_LIMB,
  STEP_NEGATIVE,
  STEP_SALT,
  STEP_VALUE,
  STEP_WEIGHT,
} from "../../offchain/engines/zk/circuit/netlist.ts";
import type { CompiledCircuit } from "../../offchain/engines/zk/circuit/types.ts";
import { checkRounds } from "../../offchain/engines/zk/kit/check-rounds.ts";
import { Relation } from "../../offchain/engines/zk/kit/relation.ts";
import type { LookupCheck, Pole, Rounds } from "../../offchain/engines/zk/kit/rounds.ts";
import { centred, firstViolation, rowValue } from "../../offchain/engines/zk/r1cs/check-witness.ts";
import type { SparseMatrix } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import { bigintsToValues } from "../../offchain/engines/zk/r1cs/witness-values.ts";
import { runValues } from "../../offchain/engines/zk/witness/run-values.ts";
import { solveRoundTwo } from "../../offchain/engines/zk/witness/solve-round-two.ts";
import { CHALLENGE, factorAt } from "./circuit-run.ts";

/** A step of the witness plan with the value that an honest prover would take. */
export interface ForgedStep {
  readonly at: number;
  readonly kind: number;
  readonly p: number;
  readonly q: number;
  readonly honest: bigint;
}

/** What the cheat commits to instead; undefined: the honest value. */
export type Lie = (step: ForgedStep) => bigint | undefined;

/** A gap below zero as the residue that wide limbs may be able to spell. */
export type Spell = (value: bigint) => bigint;

/**
 * The best that a cheating prover can do with a lie about committed values: all else follows from it, every multiplicity counts what is
 * really looked up, round 2 is honest.
 */
export class Forger {
  readonly #circuit: CompiledCircuit;
  readonly #rounds: Rounds;
  readonly #relation: Relation;

  constructor(circuit: CompiledCircuit) {
    this.#circuit = circuit;
    this.#rounds = checkRounds(circuit.r1cs, circuit.groups);
    this.#relation = new Relation(circuit.r1cs, this.#rounds);
  }

  /** Whether the constraints accept the lie. */
  passes(inputs: readonly Tensor[], lie: Lie, spell: Spell = (value) => value): boolean {
    const { r1cs } = this.#circuit;
    const values = committed(this.#circuit, inputs, lie, spell);
    // Cheap and almost always final: committed rows, and every query in its table.
    if (this.#relation.firstFailure(bigintsToValues(values)) !== null) return false;
    for (const check of this.#rounds.checks) if (check.kind === "lookup") count(check, values);
    return firstViolation(r1cs, solveRoundTwo(this.#circuit, bigintsToValues(values), CHALLENGE)) < 0;
  }
}

/** Multiplicities of one table from what its queries hold. */
function count({ columns: width, table, queries }: LookupCheck, values: bigint[]): void {
  const key = (columns: Pole["columns"]) =>
    Array.from({ length: width }, (_, k) => {
      let sum = 0n;
      for (const [wire, by] of columns[k] ?? []) sum += by * (values[wire] ?? 0n);
      return mod(sum);
    }).join();
  const rows = new Map(table.map(({ columns, n }) => [key(columns), [...n.keys()][0] ?? 0] as const));
  for (const wire of rows.values()) values[wire] = 0n;
  for (const { columns } of queries) {
    const wire = rows.get(key(columns)) ?? 0;
    values[wire] = (values[wire] ?? 0n) + 1n;
  }
}

/** Every committed wire but multiplicities, in big integers; what a lie leaves out is honest. */
export function committed(circuit: CompiledCircuit, inputs: readonly Tensor[], lie: Lie, spell: Spell): bigint[] {
  const { r1cs, plan, program } = circuit;
  const run = runValues(program, inputs);
  const values = Array.from({ length: r1cs.wires }, () => 0n);
  values[0] = 1n;
  const evaluate = (matrix: SparseMatrix, row: number) => centred(mod(rowValue(matrix, row, r1cs.constants, values)));
  for (let at = 0; at < plan.steps.length; at += 5) {
    const [kind = 0, wire = 0, form = 0, p = 0, q = 0] = plan.steps.subarray(at, at + 5);
    const value = form < 0 ? 0n : evaluate(plan.forms, form);
    const honest = ((): bigint => {
      switch (kind) {
        case STEP_VALUE:
          return BigInt(run.values[p]?.[q] ?? 0);
        case STEP_ADVICE:
          return BigInt(run.advice.of(p)[q] ?? 0);
        case STEP_WEIGHT:
          return BigInt(weightOf(program.ops[p], q));
        case STEP_SALT:
          return 1n;
        case STEP_FACTOR:
          return factorAt(q);
        case STEP_LIMB:
          return (spell(value) >> BigInt(p)) & ((1n << BigInt(q)) - 1n);
        case STEP_EXCESS:
          return value < 0n ? 0n : value >> BigInt(p);
        case STEP_NEGATIVE:
          return value < 0n ? 1n : 0n;
        case STEP_EQUALS:
          return value === BigInt(p) ? 1n : 0n;
        case STEP_FORM:
          return value;
        case STEP_CLAMP: {
          const [lo, hi] = plan.limits[q] ?? [0, 0];
          const h = value >> BigInt(p);
          return h < BigInt(lo) ? BigInt(lo) : h > BigInt(hi) ? BigInt(hi) : h;
        }
        case STEP_FUNCTION: {
          const entry = plan.functions[p];
          return BigInt(entry?.values[Number(value >> BigInt(q)) - entry.first] ?? 0);
        }
        case STEP_DEFINE: {
          const product = evaluate(r1cs.a, p) * evaluate(r1cs.b, p);
          const own = [...r1cs.c.wires.subarray(r1cs.c.offsets[p] ?? 0, r1cs.c.offsets[p + 1] ?? 0)].indexOf(wire);
          const by = centred(r1cs.constants[r1cs.c.coefficients[(r1cs.c.offsets[p] ?? 0) + own] ?? 0] ?? 1n);
          return (product - evaluate(r1cs.c, p)) * by;
        }
        default:
          return 0n;
      }
    })();
    values[wire] = mod(lie({ at: at / 5, kind, p, q, honest }) ?? honest);
  }
  return values;
}
