// SPDX-License-Identifier: GPL-3.0-or-later
import { FIRST_GROUPED_WIRE, WIRE_C, WIRE_ONE, WIRE_RHO, WIRE_V, type R1cs, type WireGroups } from "../r1cs/r1cs.ts";
import { KitError } from "./errors.ts";

export const ONE = 0;
export const V = 1;
export const C = 2;
export const RHO = 3;
/** Weights and round 1: fixed before the challenges exist. */
export const COMMITTED = 4;
export const ROUND2 = 5;

/** Kind of each wire. Error: GROUPS_INVALID unless the groups are contiguous, in order, and cover every wire behind v, c, rho. */
export function wireKinds(r1cs: R1cs, groups: WireGroups): Uint8Array {
  const invalid = (reason: string) => new KitError("GROUPS_INVALID", { reason });
  if (r1cs.outputs !== 1 || r1cs.publicInputs !== 2) throw invalid("a two-round circuit has public wires v, c, rho");
  let next = FIRST_GROUPED_WIRE;
  for (const name of ["weights", "round1", "round2"] as const) {
    const { from, count } = groups[name];
    if (from !== next || !Number.isSafeInteger(count) || count < 0)
      throw invalid(`${name} begins at ${from}, not ${next}`);
    next += count;
  }
  if (next !== r1cs.wires) throw invalid(`they end at wire ${next} of ${r1cs.wires}`);
  const kinds = new Uint8Array(r1cs.wires).fill(COMMITTED);
  kinds[WIRE_ONE] = ONE;
  kinds[WIRE_V] = V;
  kinds[WIRE_C] = C;
  kinds[WIRE_RHO] = RHO;
  return kinds.fill(ROUND2, groups.round2.from);
}
