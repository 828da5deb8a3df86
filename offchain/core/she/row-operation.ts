// SPDX-License-Identifier: MIT
import { bigToBytes, bytesToBig } from "../bytes.ts";
import { SheError } from "./errors.ts";
import { inverseMod, mulMod, powMod, reverseBits } from "./modular.ts";
import type { SheProfile } from "./profiles.ts";

/** What makes one row of a trace from earlier rows. Values are canonical residues at every step, never a kernel's lazy ones. */
export const ROW_OP = {
  /** No row: the leaf is the zero word. */
  none: 0,
  /** c + a · b. */
  mac: 1,
  /** a + b. */
  add: 2,
  /** a · factor. */
  scale: 3,
  /** (a - b) · factor + c. */
  divide: 4,
  /** a under the automorphism X -> X^galois. */
  permute: 5,
  /** a modulo prime `other`, centred, taken modulo `prime`. */
  lift: 6,
  /** One pass of the transform, 2^passBits blocks. */
  forward: 7,
  /** One pass back, without the division by N. */
  inverse: 8,
  copy: 9,
} as const;
export type RowOp = keyof typeof ROW_OP;
const NAMES = Object.keys(ROW_OP) as RowOp[];

export const ROW_SOURCE = { trace: 1, input: 2, keys: 3, weights: 4 } as const;
export type RowSource = keyof typeof ROW_SOURCE;
const SOURCES: Readonly<Record<number, RowSource>> = { 1: "trace", 2: "input", 3: "keys", 4: "weights" };

/**
 * A row by its place in a tree: `position` among the 2^`depth` row roots of the trace, of the input's body, or of the keys' or
 * weights' bodies one above the other (object << depth of its body | row). So a judge needs no list of objects.
 */
export interface RowReference {
  readonly source: RowSource;
  readonly depth: number;
  readonly position: number;
}

export interface RowOperation {
  readonly op: RowOp;
  /** Index in the profile of the prime that the row is modulo. */
  readonly prime: number;
  /** lift: index of the prime of `a`; otherwise 0. */
  readonly other: number;
  /** forward, inverse: log2 of the pass's number of blocks; otherwise 0. */
  readonly passBits: number;
  readonly a?: RowReference;
  readonly b?: RowReference;
  readonly c?: RowReference;
  readonly factor: number;
  readonly galois: number;
}

export const NO_OPERATION: RowOperation = { op: "none", prime: 0, other: 0, passBits: 0, factor: 0, galois: 0 };

/** Which operands an operation has, and which it may have. */
const SHAPES: Readonly<Record<RowOp, { readonly needs: string; readonly may: string }>> = {
  none: { needs: "", may: "" },
  mac: { needs: "ab", may: "c" },
  add: { needs: "ab", may: "" },
  scale: { needs: "a", may: "" },
  divide: { needs: "ab", may: "c" },
  permute: { needs: "a", may: "" },
  lift: { needs: "a", may: "" },
  forward: { needs: "a", may: "" },
  inverse: { needs: "a", may: "" },
  copy: { needs: "a", may: "" },
};

const [MAX_DEPTH, POSITION_BITS] = [38, 38];
const malformed = (reason: string) => new SheError("STEP_REFUSED", { reason });

function writeReference(reference: RowReference | undefined): bigint {
  if (reference === undefined) return 0n;
  const { source, depth, position } = reference;
  return (BigInt(ROW_SOURCE[source]) << 44n) | (BigInt(depth) << 38n) | BigInt(position);
}

function readReference(word: bigint): RowReference | undefined {
  if (word === 0n) return undefined;
  const source = SOURCES[Number(word >> 44n)];
  const depth = Number((word >> 38n) & 63n);
  const position = Number(word & ((1n << BigInt(POSITION_BITS)) - 1n));
  if (source === undefined || depth > MAX_DEPTH || position >= 2 ** depth) throw malformed("a reference has no place");
  return { source, depth, position };
}

/** 32 bytes: op u8, prime u8, other u8, passBits u8, a, b, c u48, factor u32, galois u32, two zero bytes; big-endian. */
export function encodeRowOperation(operation: RowOperation): Uint8Array {
  const { op, prime, other, passBits, a, b, c, factor, galois } = operation;
  const head = (((BigInt(ROW_OP[op]) << 8n) | BigInt(prime)) << 16n) | (BigInt(other) << 8n) | BigInt(passBits);
  const references = [a, b, c].reduce((word, reference) => (word << 48n) | writeReference(reference), head);
  return bigToBytes((((references << 32n) | BigInt(factor)) << 48n) | (BigInt(galois) << 16n), 32);
}

/** Error: STEP_REFUSED for any second spelling, or operands that the operation does not have. */
export function decodeRowOperation(bytes: Uint8Array, profile: SheProfile): RowOperation {
  const word = bytesToBig(bytes);
  const field = (shift: number, bits: number) => (word >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n);
  const op = NAMES[Number(field(248, 8))];
  if (bytes.length !== 32 || op === undefined || field(0, 16) !== 0n) throw malformed("the record is no operation");
  const [prime, other, passBits] = [240, 232, 224].map((shift) => Number(field(shift, 8))) as [number, number, number];
  const [factor, galois] = [Number(field(48, 32)), Number(field(16, 32))];
  const modulus = profile.primes[prime];
  const isPass = op === "forward" || op === "inverse";
  if (
    modulus === undefined ||
    profile.primes[other] === undefined ||
    (op !== "lift" && other !== 0) ||
    (isPass ? 2 ** passBits >= profile.degree : passBits !== 0) ||
    (op === "scale" || op === "divide" ? factor >= modulus : factor !== 0) ||
    (op === "permute" ? galois % 2 === 0 || galois >= 2 * profile.degree : galois !== 0) ||
    (op === "none" && prime !== 0)
  )
    throw malformed("a field of the record is out of range");
  const [a, b, c] = [176, 128, 80].map((shift) => readReference(field(shift, 48)));
  const { needs, may } = SHAPES[op];
  for (const [name, reference] of Object.entries({ a, b, c }))
    if (reference === undefined ? needs.includes(name) : !needs.includes(name) && !may.includes(name))
      throw malformed(`operand ${name} is missing, or one too many`);
  return {
    op,
    prime,
    other,
    passBits,
    ...(a && { a }),
    ...(b && { b }),
    ...(c && { c }),
    factor,
    galois,
  };
}

/** An operand's place: the row, the coordinate in it, and the prime that its residues are below. */
export interface OperandPlace {
  readonly row: RowReference;
  readonly coordinate: number;
  readonly prime: number;
}

/** out[j] = in[this]: the automorphism on rows in transformed order. */
export function permutedFrom(coordinate: number, galois: number, degree: number): number {
  const bits = Math.log2(degree);
  return reverseBits((((galois * (2 * reverseBits(coordinate, bits) + 1)) % (2 * degree)) - 1) / 2, bits);
}

/** What the value at a coordinate is computed from: in the order a, b, c, a pass's two halves of a first. */
export function operandsAt(operation: RowOperation, coordinate: number, degree: number): OperandPlace[] {
  const { op, prime, other, passBits, a, b, c, galois } = operation;
  const at = (row: RowReference | undefined, place = coordinate, modulus = prime): OperandPlace[] =>
    row === undefined ? [] : [{ row, coordinate: place, prime: modulus }];
  if (op === "permute") return at(a, permutedFrom(coordinate, galois, degree));
  if (op === "lift") return at(a, coordinate, other);
  if (op === "forward" || op === "inverse") {
    const gap = degree / 2 / 2 ** passBits;
    const low = coordinate - (Math.floor(coordinate / gap) % 2) * gap;
    return [...at(a, low), ...at(a, low + gap)];
  }
  return [...at(a), ...at(b), ...at(c)];
}

/** The residue that an operation gives at a coordinate; `values` as `operandsAt` lists them, each below its prime. */
export function valueAt(
  { op, prime, other, passBits, c, factor }: RowOperation,
  coordinate: number,
  values: readonly number[],
  profile: SheProfile,
): number {
  const p = profile.primes[prime] ?? 1;
  const [x = 0, y = 0, z = 0] = values;
  const add = c === undefined ? 0 : z;
  switch (op) {
    case "none":
      return 0;
    case "mac":
      return (mulMod(x, y, p) + add) % p;
    case "add":
      return (x + y) % p;
    case "scale":
      return mulMod(x, factor, p);
    case "divide":
      return (mulMod((x - y + p) % p, factor, p) + add) % p;
    case "permute":
    case "copy":
      return x;
    case "lift": {
      const q = profile.primes[other] ?? 1;
      return (x > (q - 1) / 2 ? x - q + 2 * p : x) % p;
    }
    case "forward":
    case "inverse": {
      const gap = profile.degree / 2 / 2 ** passBits;
      const exponent = reverseBits(2 ** passBits + Math.floor(coordinate / (2 * gap)), Math.log2(profile.degree));
      const root = powMod(profile.roots[prime] ?? 0, exponent, p);
      const isHigh = coordinate % (2 * gap) >= gap;
      if (op === "inverse") return isHigh ? mulMod((x - y + p) % p, inverseMod(root, p), p) : (x + y) % p;
      const turned = mulMod(y, root, p);
      return isHigh ? (x - turned + p) % p : (x + turned) % p;
    }
  }
}
