// SPDX-License-Identifier: GPL-3.0-or-later
import { inverse } from "../circuit/field.ts";
import { WIRE_C, WIRE_RHO } from "../r1cs/r1cs.ts";
import { addScaled, scaled, type Form, type RowForms } from "./form.ts";
import { broken, type RoundTypes } from "./round-types.ts";
import type { Pole } from "./rounds.ts";
import { COMMITTED, ONE, ROUND2, V } from "./wire-kinds.ts";

export interface PoleRow {
  readonly wire: number;
  readonly scale: bigint;
  readonly denominator: Form;
}

/** The round-2 wire that a row defines as a quotient: alone on one side, with c on the other. */
export function poleOf({ a, b, c }: RowForms, kinds: Uint8Array): PoleRow | null {
  for (const [side, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const [only] = side;
    if (side.size !== 1 || only === undefined) continue;
    const [wire, scale] = only;
    if (kinds[wire] === ROUND2 && other.has(WIRE_C) && !other.has(wire) && !c.has(wire))
      return { wire, scale, denominator: other };
  }
  return null;
}

/**
 * Splits a quotient into scale · n / (c - x - rho · y) and proves rule 3 of it: x, y and n are affine over {1, weights, round 1}. The
 * coefficient of c is a constant, so the denominator is not 0 but for one c in r.
 */
export function resolvePole(
  { row, c: numerator }: RowForms,
  { wire, scale, denominator }: PoleRow,
  types: RoundTypes,
): Pole {
  const minusLead = -inverse(denominator.get(WIRE_C) ?? 0n);
  const x = new Map<number, bigint>();
  const y = new Map<number, bigint>();
  for (const [at, coefficient] of denominator) {
    const kind = types.kinds[at];
    const by = coefficient * minusLead;
    if (at === WIRE_C) continue;
    else if (at === WIRE_RHO) addScaled(y, new Map([[0, 1n]]), by);
    else if (kind === ONE || kind === COMMITTED) addScaled(x, new Map([[at, 1n]]), by);
    else if (kind === V) throw broken(5, row, at, "v belongs in the fingerprint alone");
    else {
      const column = types.columns.get(at);
      if (column === undefined)
        throw broken(3, row, at, "a pole may hold rho times an affine form of round 1, nothing else");
      addScaled(x, column.alpha, by);
      addScaled(y, column.beta, by);
    }
  }
  for (const at of numerator.keys())
    if (types.kinds[at] !== ONE && types.kinds[at] !== COMMITTED)
      throw broken(3, row, at, "a multiplicity must be committed before the challenges exist");
  return { wire, row, x, y, n: scaled(numerator, -minusLead * inverse(scale)) };
}
