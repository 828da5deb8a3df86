// SPDX-License-Identifier: GPL-3.0-or-later
import { inverse } from "../circuit/field.ts";
import { WIRE_C, WIRE_RHO, WIRE_V, constraintCount, type R1cs, type WireGroups } from "../r1cs/r1cs.ts";
import { KitError } from "./errors.ts";
import { fingerprintCheck } from "./fingerprint.ts";
import { rowForms, scaled, without, type Form, type RowForms } from "./form.ts";
import { lookupCheck, openSums } from "./lookups.ts";
import { poleOf, resolvePole, type PoleRow } from "./poles.ts";
import { RoundTypes, broken } from "./round-types.ts";
import type { FingerprintCheck, Pole, RoundCheck, Rounds } from "./rounds.ts";
import { COMMITTED, ONE, ROUND2, wireKinds } from "./wire-kinds.ts";

const FIELD_LOG2 = 253.5;
const LIMIT_LOG2 = -200;

/** Rows by what they contain, and in how many rows each wire occurs. */
function survey(r1cs: R1cs, kinds: Uint8Array): { committed: number[]; others: number[]; uses: Uint32Array } {
  const committed: number[] = [];
  const others: number[] = [];
  const uses = new Uint32Array(r1cs.wires);
  const lastRow = new Int32Array(r1cs.wires).fill(-1);
  for (let row = 0, rows = constraintCount(r1cs); row < rows; row++) {
    let isCommitted = true;
    for (const { offsets, wires } of [r1cs.a, r1cs.b, r1cs.c])
      for (let entry = offsets[row] ?? 0, end = offsets[row + 1] ?? 0; entry < end; entry++) {
        const wire = wires[entry] ?? 0;
        if (kinds[wire] !== ONE && kinds[wire] !== COMMITTED) isCommitted = false;
        if (lastRow[wire] === row) continue;
        lastRow[wire] = row;
        uses[wire] = (uses[wire] ?? 0) + 1;
      }
    (isCommitted ? committed : others).push(row);
  }
  return { committed, others, uses };
}

/** Definitions of all round-2 wires, in an order in which each reads only earlier ones; and the rows that are left: the checks. */
class Resolver {
  readonly types: RoundTypes;
  readonly poles = new Map<number, Pole>();
  readonly sums = new Map<number, Form>();
  readonly definitions = new Map<number, RowForms>();
  readonly checks: RowForms[] = [];
  readonly #kinds: Uint8Array;

  constructor(kinds: Uint8Array) {
    this.#kinds = kinds;
    this.types = new RoundTypes(kinds);
  }

  resolve(rows: readonly RowForms[]): void {
    const poleRows = new Map<number, PoleRow>();
    const rest: RowForms[] = [];
    for (const forms of rows) {
      const pole = poleOf(forms, this.#kinds);
      if (pole === null) rest.push(forms);
      else if (this.definitions.has(pole.wire)) throw broken(2, forms.row, pole.wire, "it is defined twice");
      else {
        this.definitions.set(pole.wire, forms);
        this.types.shapes.set(pole.wire, { degree: 0, degreeC: 0, committed: 0, fraction: true });
        poleRows.set(pole.wire, pole);
      }
    }
    this.#define(rest);
    for (const [wire, pole] of poleRows)
      this.poles.set(wire, resolvePole(this.definitions.get(wire) as RowForms, pole, this.types));
  }

  #unknowns(forms: RowForms): number[] {
    const unknown = new Set<number>();
    for (const form of [forms.a, forms.b, forms.c])
      for (const wire of form.keys())
        if (this.#kinds[wire] === ROUND2 && !this.definitions.has(wire)) unknown.add(wire);
    return [...unknown];
  }

  /** Takes rows with one unknown as its definition until none is left. Products go first: a sum of them then is the check. */
  #define(rows: readonly RowForms[]): void {
    const missing = new Map<RowForms, number>();
    const waiting = new Map<number, RowForms[]>();
    const ready: RowForms[] = [];
    for (const forms of rows.toSorted((x, y) => Number(x.a.size === 0) - Number(y.a.size === 0) || x.row - y.row)) {
      const unknown = this.#unknowns(forms);
      // v is the contract's: a row that holds it defines nothing.
      const count =
        forms.a.has(WIRE_V) || forms.b.has(WIRE_V) || forms.c.has(WIRE_V) ? unknown.length + 1 : unknown.length;
      missing.set(forms, count);
      if (count === 1 && unknown.length === 1) ready.push(forms);
      for (const wire of unknown) {
        const list = waiting.get(wire);
        if (list === undefined) waiting.set(wire, [forms]);
        else list.push(forms);
      }
    }
    for (let at = 0; at < ready.length; at++) {
      const forms = ready[at] as RowForms;
      const [wire, more] = this.#unknowns(forms);
      if (wire === undefined || more !== undefined) continue;
      // In a product it has as many values as the equation has roots: another row must define it, and then this one is a check.
      if (forms.a.has(wire) || forms.b.has(wire)) continue;
      this.types.define(wire, forms);
      if (this.types.shapes.get(wire)?.fraction === true)
        this.sums.set(wire, scaled(without(forms.c, wire), -inverse(forms.c.get(wire) ?? 0n)));
      this.definitions.set(wire, forms);
      for (const other of waiting.get(wire) ?? []) {
        const left = (missing.get(other) ?? 0) - 1;
        missing.set(other, left);
        if (left === 1 && this.#unknowns(other).length === 1) ready.push(other);
      }
    }
    const defining = new Set(this.definitions.values());
    for (const forms of rows) {
      const [unknown] = this.#unknowns(forms);
      if (unknown !== undefined)
        throw broken(
          2,
          forms.row,
          unknown,
          "it has no definition z = a·b + affine over earlier wires, and no quotient by a pole",
        );
      if (!defining.has(forms)) this.checks.push(forms);
    }
  }
}

/**
 * The round rule (zk.md section 3), from the final constraint system and the groups alone. Proves that every constraint is committed,
 * a definition of one round-2 wire, or a check; that what the checks speak about was committed before the challenges; and bounds the
 * probability that a false statement passes. Errors: GROUPS_INVALID, ROUND_RULE naming rule, row and wire, ERROR_BOUND.
 */
export function checkRounds(r1cs: R1cs, groups: WireGroups): Rounds {
  const kinds = wireKinds(r1cs, groups);
  const { committed, others, uses } = survey(r1cs, kinds);
  for (let wire = 1; wire < r1cs.wires; wire++)
    if (uses[wire] === 0) throw broken(5, -1, wire, "no constraint holds it");
  const rows = others.map((row) => rowForms(r1cs, row));
  for (const { row, a, b } of rows)
    if (a.has(WIRE_V) || b.has(WIRE_V)) throw broken(5, row, WIRE_V, "v enters no product");

  const resolver = new Resolver(kinds);
  resolver.resolve(rows);
  const { types, poles, sums, definitions } = resolver;
  for (let wire = groups.round2.from; wire < r1cs.wires; wire++) {
    if (!definitions.has(wire)) throw broken(2, -1, wire, "nothing defines it");
    if (uses[wire] === 1) throw broken(4, definitions.get(wire)?.row ?? -1, wire, "no check ever reads it");
  }

  const arrived = new Map<number, number>();
  const checks = resolver.checks.map((forms): RoundCheck => {
    const { row, c } = forms;
    if (c.has(WIRE_V)) return fingerprint(forms);
    const shape = types.shapeOfRow(forms);
    if (shape.fraction) return lookupCheck(row, openSums(forms, poles, sums, arrived), uses);
    if (shape.degree === 0) throw broken(1, row, 0, "it depends on no challenge");
    if (shape.degreeC > 0) throw broken(4, row, WIRE_C, "c is the pole of lookups; identities are in rho alone");
    return { kind: "polynomial", row, degree: shape.degree };
  });
  for (const wire of poles.keys())
    if (!arrived.has(wire)) throw broken(4, definitions.get(wire)?.row ?? -1, wire, "its lookup is never summed");

  function fingerprint(forms: RowForms): FingerprintCheck {
    if (uses[WIRE_V] !== 1) throw broken(5, forms.row, WIRE_V, "v occurs in more than one constraint");
    return fingerprintCheck(forms, (wire) => definitions.get(wire), types);
  }

  if (!checks.some(({ kind }) => kind === "fingerprint"))
    throw broken(5, -1, WIRE_V, "no fingerprint binds the boundary");
  for (const wire of [WIRE_C, WIRE_RHO]) if (uses[wire] === 0) throw broken(5, -1, wire, "a challenge is not used");
  return {
    committed,
    definitions: new Map([...definitions].map(([wire, { row }]) => [wire, row])),
    checks,
    errorLog2: errorBound(checks),
  };
}

/** ((queries + rows)² + all degrees) / r. Error: ERROR_BOUND above 2^-200. */
function errorBound(checks: readonly RoundCheck[]): number {
  let poles = 0;
  let degrees = 0;
  for (const { kind, degree } of checks) {
    degrees += degree;
    if (kind === "lookup") poles += degree;
  }
  const log2 = Math.log2(poles * poles + degrees) - FIELD_LOG2;
  if (log2 > LIMIT_LOG2) throw new KitError("ERROR_BOUND", { log2: Number(log2.toFixed(1)) });
  return log2;
}
