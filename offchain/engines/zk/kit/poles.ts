// SPDX-License-Identifier: GPL-3.0-or-later
import { inverse } from "../circuit/field.ts";
import { WIRE_C, WIRE_V } from "../r1cs/r1cs.ts";
import { scaled, without, type Form, type RowForms } from "./form.ts";
import { broken, type RoundTypes } from "./round-types.ts";
import type { Pole } from "./rounds.ts";
import { COMMITTED, ONE, ROUND2 } from "./wire-kinds.ts";

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
 * Splits a quotient into n / (c - x - rho · y - rho² · z) and proves rule 3 of it: x, y, z and n are affine over {1, weights, round 1}. The
 * coefficient of c is a constant, so the denominator is not 0 but for one c in r.
 */
export function resolvePole(
  { row, c: numerator }: RowForms,
  { wire, scale, denominator }: PoleRow,
  types: RoundTypes,
): Pole {
  const minusLead = -inverse(denominator.get(WIRE_C) ?? 0n);
  const joined = without(denominator, WIRE_C);
  if (joined.has(WIRE_V)) throw broken(5, row, WIRE_V, "v belongs in the fingerprint alone");
  const columns = types.columnsOf(joined)?.map((column) => scaled(column, minusLead));
  if (columns === undefined) {
    const [at = wire] = [...joined.keys()].filter((other) => types.kinds[other] === ROUND2);
    throw broken(3, row, at, "a pole may hold powers of rho times affine forms of round 1, nothing else");
  }
  for (const at of numerator.keys())
    if (types.kinds[at] !== ONE && types.kinds[at] !== COMMITTED)
      throw broken(3, row, at, "a multiplicity must be committed before the challenges exist");
  return { wire, row, columns, n: scaled(numerator, -minusLead * inverse(scale)) };
}
