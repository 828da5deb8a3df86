// SPDX-License-Identifier: MIT
import type { Hex } from "../../../core/bytes.ts";
import { treeDepth } from "../../../core/she/digest.ts";
import { inverseMod, mulMod, reverseBits } from "../../../core/she/modular.ts";
import type { SheObject } from "../../../core/she/object.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import { permutedFrom, type RowOperation, type RowReference } from "../../../core/she/row-operation.ts";

/** What a stage is computed from: canonical rows. */
export interface TraceSources {
  readonly input: SheObject;
  /** In the order of `keyList`; a hole where the stage does not list one. */
  readonly keys: readonly (SheObject | undefined)[];
  /** Body roots of all keys of the job, in the same order. */
  readonly keyBodies: readonly Hex[];
  readonly weights: readonly SheObject[];
}

/** a · b mod p, for a, b < p < 2^30: the quotient in doubles is off by one at most. */
function times(a: number, b: number, p: number): number {
  const rest = (Math.imul(a, b) - Math.imul(Math.floor((a * b) / p), p)) | 0;
  if (rest < 0) return rest + p;
  return rest >= p ? rest - p : rest;
}

/** Powers of a prime's root in the order of the passes: [m + block] for 2^passBits = m blocks; of its inverse for the way back. */
function passRoots(root: number, prime: number, degree: number): Uint32Array {
  const bits = Math.log2(degree);
  const powers = new Uint32Array(degree);
  for (let i = 0, power = 1; i < degree; i++, power = mulMod(power, root, prime)) powers[reverseBits(i, bits)] = power;
  return powers;
}

/** The rows of an object in a source's tree. */
function rowOf(objects: readonly (SheObject | undefined)[], { depth, position }: RowReference): Uint32Array {
  const rowDepth = depth - treeDepth(objects.length);
  const object = objects[Math.floor(position / 2 ** rowDepth)];
  if (object === undefined) return new Uint32Array(0);
  const { degree } = object.header.profile;
  const row = position % 2 ** rowDepth;
  return object.rows.subarray(row * degree, (row + 1) * degree);
}

/** Operations after which a row is not read any more. */
function lastUses(operations: readonly RowOperation[]): Map<number, number[]> {
  const last = new Map<number, number>();
  for (const [t, { a, b, c }] of operations.entries())
    for (const operand of [a, b, c]) if (operand?.source === "trace") last.set(operand.position, t);
  const freed = new Map<number, number[]>();
  for (const [row, t] of last) freed.set(t, [...(freed.get(t) ?? []), row]);
  return freed;
}

/**
 * Evaluates a stage row by row, by the definitions of the operations: shares no arithmetic with the kernel. `visit` gets every row
 * as it is made, before others read it, and may keep it. About two seconds for 784-128-10.
 */
export function interpretStage(
  operations: readonly RowOperation[],
  profile: SheProfile,
  sources: TraceSources,
  visit: (row: number, values: Uint32Array) => void,
): void {
  const { degree, primes, roots } = profile;
  const forward = primes.map((p, i) => passRoots(roots[i] ?? 0, p, degree));
  const backward = primes.map((p, i) => passRoots(inverseMod(roots[i] ?? 0, p), p, degree));
  const maps = new Map<number, Uint32Array>();
  const freed = lastUses(operations);
  const rows = new Map<number, Uint32Array>();
  const spare: Uint32Array[] = [];
  const empty = new Uint32Array(0);
  const read = (reference: RowReference | undefined): Uint32Array => {
    if (reference === undefined) return empty;
    if (reference.source === "trace") return rows.get(reference.position) ?? empty;
    if (reference.source === "input") return rowOf([sources.input], reference);
    return rowOf(reference.source === "keys" ? sources.keys : sources.weights, reference);
  };
  for (const [t, operation] of operations.entries()) {
    if (operation.op === "none") continue;
    const out = spare.pop() ?? new Uint32Array(degree);
    const { prime } = operation;
    const [a, b, c] = [read(operation.a), read(operation.b), read(operation.c)];
    if (operation.op === "forward" || operation.op === "inverse")
      pass(operation, a, out, (operation.op === "forward" ? forward : backward)[prime] ?? empty, primes[prime] ?? 1);
    else if (operation.op === "permute") {
      const known = maps.get(operation.galois);
      const map = known ?? out.map((_, k) => permutedFrom(k, operation.galois, degree));
      maps.set(operation.galois, map);
      for (let k = 0; k < degree; k++) out[k] = a[map[k] ?? 0] ?? 0;
    } else pointwise(operation, a, b, c, out, profile);
    rows.set(t, out);
    visit(t, out);
    for (const row of freed.get(t) ?? []) {
      const done = rows.get(row);
      if (done !== undefined) spare.push(done);
      rows.delete(row);
    }
  }
}

function pass({ op, passBits }: RowOperation, a: Uint32Array, out: Uint32Array, powers: Uint32Array, p: number): void {
  const blocks = 2 ** passBits;
  const gap = a.length / 2 / blocks;
  for (let block = 0; block < blocks; block++) {
    const power = powers[blocks + block] ?? 0;
    for (let low = 2 * gap * block; low < 2 * gap * block + gap; low++) {
      const [x, y] = [a[low] ?? 0, a[low + gap] ?? 0];
      if (op === "forward") {
        const turned = times(y, power, p);
        out[low] = (x + turned) % p;
        out[low + gap] = (x - turned + p) % p;
      } else {
        out[low] = (x + y) % p;
        out[low + gap] = times((x - y + p) % p, power, p);
      }
    }
  }
}

function pointwise(
  { op, prime, other, factor }: RowOperation,
  a: Uint32Array,
  b: Uint32Array,
  c: Uint32Array,
  out: Uint32Array,
  { primes, degree }: SheProfile,
): void {
  const p = primes[prime] ?? 1;
  if (op === "mac") for (let k = 0; k < degree; k++) out[k] = (times(a[k] ?? 0, b[k] ?? 0, p) + (c[k] ?? 0)) % p;
  else if (op === "add") for (let k = 0; k < degree; k++) out[k] = ((a[k] ?? 0) + (b[k] ?? 0)) % p;
  else if (op === "scale") for (let k = 0; k < degree; k++) out[k] = times(a[k] ?? 0, factor, p);
  else if (op === "divide")
    for (let k = 0; k < degree; k++) out[k] = (times(((a[k] ?? 0) - (b[k] ?? 0) + p) % p, factor, p) + (c[k] ?? 0)) % p;
  else if (op === "lift") {
    const q = primes[other] ?? 1;
    for (let k = 0; k < degree; k++) {
      const x = a[k] ?? 0;
      out[k] = (x > (q - 1) / 2 ? x - q + 2 * p : x) % p;
    }
  } else out.set(a);
}
