// SPDX-License-Identifier: GPL-3.0-or-later
import { mod } from "../../../core/poseidon-constants.ts";
import { rowValue } from "../r1cs/check-witness.ts";
import type { R1cs, SparseMatrix, WireGroups } from "../r1cs/r1cs.ts";
import { valuesToBigints, type WitnessValues } from "../r1cs/witness-values.ts";
import { KitError } from "./errors.ts";
import { Gradient } from "./gradient.ts";
import type { Rounds } from "./rounds.ts";
import { Equations } from "./sparse-rank.ts";

export interface UniquenessOptions {
  /** Wires that the statement leaves to the prover: input elements and salts. Weights are fixed by their commitment. */
  readonly inputs: Iterable<number>;
}

/**
 * Round-1 wires that the inputs do not determine, to first order, at this witness (zk.md section 10.2). Round-2 wires and
 * multiplicities are left out: at a fixed challenge they follow or are free. What is looked up takes values from a finite table and so
 * cannot move (dx = dy = 0); an identity in rho holds coefficient by coefficient. Says nothing about the width of a range, which
 * exhaustive gadget tests cover, nor about timing, which the round rule covers.
 */
export function undeterminedWires(
  r1cs: R1cs,
  groups: WireGroups,
  rounds: Rounds,
  witness: WitnessValues | readonly bigint[],
  { inputs }: UniquenessOptions,
): number[] {
  const values = witness instanceof Uint8Array ? valuesToBigints(witness) : witness;
  const unknowns = unknownWires(groups, rounds, inputs);
  const equations = new Equations();
  for (const equation of exactEquations(r1cs, rounds, values, unknowns)) equations.add(equation);
  for (const check of rounds.checks)
    if (check.kind === "lookup")
      for (const { columns } of check.queries)
        for (const column of columns) equations.add(restricted(column, unknowns));
  return equations.undetermined(unknowns);
}

/** Round-1 wires but inputs and multiplicities. */
export function unknownWires(groups: WireGroups, rounds: Rounds, inputs: Iterable<number>): Set<number> {
  const { from, count } = groups.round1;
  const unknowns = new Set(Array.from({ length: count }, (_, i) => from + i));
  for (const wire of inputs) unknowns.delete(wire);
  for (const check of rounds.checks)
    if (check.kind === "lookup") for (const { n } of check.table) for (const wire of n.keys()) unknowns.delete(wire);
  return unknowns;
}

/** Differentials, over the unknowns, of the committed constraints and of each coefficient of each identity in rho. */
export function* exactEquations(
  r1cs: R1cs,
  rounds: Rounds,
  values: readonly bigint[],
  unknowns: ReadonlySet<number>,
): Generator<Map<number, bigint>> {
  for (const row of rounds.committed) yield differential(r1cs, row, values, unknowns);
  const gradient = new Gradient(r1cs, rounds, values, (wire) => unknowns.has(wire));
  for (const check of rounds.checks) if (check.kind === "polynomial") yield* gradient.equations(check.row);
}

export const restricted = (form: ReadonlyMap<number, bigint>, unknowns: ReadonlySet<number>): Map<number, bigint> =>
  new Map([...form].filter(([wire]) => unknowns.has(wire)));

/** a·db + b·da - dc of one row. */
function differential(
  r1cs: R1cs,
  row: number,
  values: readonly bigint[],
  unknowns: ReadonlySet<number>,
): Map<number, bigint> {
  const { a, b, c, constants } = r1cs;
  const equation = new Map<number, bigint>();
  const add = ({ offsets, wires, coefficients }: SparseMatrix, by: bigint): void => {
    if (by === 0n) return;
    for (let entry = offsets[row] ?? 0, end = offsets[row + 1] ?? 0; entry < end; entry++) {
      const wire = wires[entry] ?? 0;
      if (!unknowns.has(wire)) continue;
      equation.set(wire, mod((equation.get(wire) ?? 0n) + (constants[coefficients[entry] ?? 0] ?? 0n) * by));
    }
  };
  add(a, mod(rowValue(b, row, constants, values)));
  add(b, mod(rowValue(a, row, constants, values)));
  add(c, -1n);
  return equation;
}

/** At each of the witnesses (three random ones are usual). Error: WITNESS_NOT_UNIQUE naming the first free wire. */
export function checkUniqueness(
  r1cs: R1cs,
  groups: WireGroups,
  rounds: Rounds,
  witnesses: readonly (WitnessValues | readonly bigint[])[],
  options: UniquenessOptions,
): void {
  for (const witness of witnesses) {
    const [wire] = undeterminedWires(r1cs, groups, rounds, witness, options);
    if (wire !== undefined) throw new KitError("WITNESS_NOT_UNIQUE", { wire });
  }
}
