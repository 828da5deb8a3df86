// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { centred, rowValue } from "../r1cs/check-witness.ts";
import { columnsOf } from "../r1cs/column-index.ts";
import { constraintCount, type R1cs } from "../r1cs/r1cs.ts";
import { valuesToBigints, type WitnessValues } from "../r1cs/witness-values.ts";
import { KitError } from "./errors.ts";

const SIDES = ["a", "b", "c"] as const;

/** New values to try for a wire; those equal to the old one are passed over. */
export type Lies = (wire: number, value: bigint) => readonly bigint[];

/** One off, the other sign, zero, an arbitrary element: what remainders, signs, selectors and advice are forged with. */
export const usualLies: Lies = (wire, value) => [
  value + 1n,
  -value,
  0n,
  (value * 0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251n + BigInt(wire) + 1n) % FIELD,
];

/**
 * Changes each wire alone and returns those for which some change violates no constraint: wires that nothing holds. Only the rows of
 * the changed wire are looked at. `wires` defaults to all but the constant; weights do not belong in it, for a weight times input 0 is
 * held by its commitment alone.
 */
export function mutate(
  r1cs: R1cs,
  witness: WitnessValues | readonly bigint[],
  options: { readonly wires?: Iterable<number>; readonly lies?: Lies } = {},
): number[] {
  const values = (witness instanceof Uint8Array ? valuesToBigints(witness) : witness).map(centred);
  const constants = r1cs.constants.map(centred);
  const rows = constraintCount(r1cs);
  const honest = SIDES.map((side) =>
    Array.from({ length: rows }, (_, row) => rowValue(r1cs[side], row, constants, values) % FIELD),
  );
  const columns = SIDES.map((side) => columnsOf(r1cs[side], r1cs));

  const survives = (wire: number, change: bigint): boolean => {
    const moved = new Map<number, [bigint, bigint, bigint]>();
    for (const [side, { offsets, rows: of, coefficients }] of columns.entries())
      for (let entry = offsets[wire] ?? 0, end = offsets[wire + 1] ?? 0; entry < end; entry++) {
        const row = of[entry] ?? 0;
        let at = moved.get(row);
        if (at === undefined)
          moved.set(row, (at = [0, 1, 2].map((s) => honest[s]?.[row] ?? 0n) as [bigint, bigint, bigint]));
        at[side as 0 | 1 | 2] += (constants[coefficients[entry] ?? 0] ?? 0n) * change;
      }
    for (const [a, b, c] of moved.values()) if ((a * b - c) % FIELD !== 0n) return false;
    return true;
  };

  const survivors: number[] = [];
  const { wires = Array.from({ length: r1cs.wires - 1 }, (_, i) => i + 1), lies = usualLies } = options;
  for (const wire of wires) {
    const value = values[wire] ?? 0n;
    if (lies(wire, value).some((lie) => (lie - value) % FIELD !== 0n && survives(wire, lie - value)))
      survivors.push(wire);
  }
  return survivors;
}

/** Error: MUTATION_SURVIVED naming the first wire that can be changed alone. */
export function checkMutations(...parameters: Parameters<typeof mutate>): void {
  const [wire] = mutate(...parameters);
  if (wire !== undefined) throw new KitError("MUTATION_SURVIVED", { wire });
}
