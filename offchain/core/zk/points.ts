// SPDX-License-Identifier: MIT
import { bn254 } from "@noble/curves/bn254.js";
import { bytesToBig } from "../bytes.ts";
import type { ByteWriter } from "../byte-writer.ts";
import { bigToBytes } from "../bytes.ts";
import { FIELD_Q } from "./field.ts";

/** Affine; (0, 0) is the point at infinity. */
export interface G1Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Affine over Fq²; each coordinate is [c0, c1], c0 + c1·u. */
export interface G2Point {
  readonly x: readonly [bigint, bigint];
  readonly y: readonly [bigint, bigint];
}

export const G1_BYTES = 64;
export const G2_BYTES = 128;
export const G1_INFINITY: G1Point = { x: 0n, y: 0n };

const G1 = bn254.G1.Point;
const G2 = bn254.G2.Point;
export type CurveG1 = InstanceType<typeof G1>;
export type CurveG2 = InstanceType<typeof G2>;
export const CURVE_G1 = G1;
export const CURVE_G2 = G2;

export const isInfinityG1 = ({ x, y }: G1Point): boolean => x === 0n && y === 0n;
export const isInfinityG2 = ({ x, y }: G2Point): boolean => [...x, ...y].every((value) => value === 0n);

/** For points that have been checked. */
export const curveG1 = (point: G1Point): CurveG1 => G1.fromAffine(point);
export const curveG2 = ({ x, y }: G2Point): CurveG2 =>
  G2.fromAffine({ x: { c0: x[0], c1: x[1] }, y: { c0: y[0], c1: y[1] } });

export function pointOfG1(point: CurveG1): G1Point {
  const { x, y } = point.toAffine();
  return { x, y };
}

export function pointOfG2(point: CurveG2): G2Point {
  const { x, y } = point.toAffine();
  return { x: [x.c0, x.c1], y: [y.c0, y.c1] };
}

const words = (bytes: Uint8Array, n: number): bigint[] =>
  Array.from({ length: n }, (_, i) => bytesToBig(bytes.subarray(32 * i, 32 * i + 32)));

/** 64 bytes: x, y. Form only; see `g1Failure`. */
export function readG1(bytes: Uint8Array): G1Point {
  const [x = 0n, y = 0n] = words(bytes, 2);
  return { x, y };
}

/** 128 bytes in the order of EIP-197: x.c1, x.c0, y.c1, y.c0. Form only; see `g2Failure`. */
export function readG2(bytes: Uint8Array): G2Point {
  const [x1 = 0n, x0 = 0n, y1 = 0n, y0 = 0n] = words(bytes, 4);
  return { x: [x0, x1], y: [y0, y1] };
}

export const wordsOfG1 = ({ x, y }: G1Point): bigint[] => [x, y];
export const wordsOfG2 = ({ x, y }: G2Point): bigint[] => [x[1], x[0], y[1], y[0]];

export function writeWords(writer: ByteWriter, values: readonly bigint[]): ByteWriter {
  for (const value of values) writer.raw(bigToBytes(value, 32, "A coordinate"));
  return writer;
}

/** noble throws plain errors on points off the curve or outside the subgroup. */
function isValid(point: () => { assertValidity: () => void }): boolean {
  try {
    point().assertValidity();
    return true;
  } catch {
    return false;
  }
}

const beyond = (values: readonly bigint[]): boolean => values.some((value) => value < 0n || value >= FIELD_Q);

/** Why this cannot be a point of G1 other than infinity, curve aside. */
export function g1FormFailure(point: G1Point, name: string): string | undefined {
  if (beyond(wordsOfG1(point))) return `a coordinate of ${name} is not below q`;
  return isInfinityG1(point) ? `${name} is the point at infinity` : undefined;
}

/** Why this cannot be a point of G2 other than infinity, curve and order aside. */
export function g2FormFailure(point: G2Point, name: string): string | undefined {
  if (beyond(wordsOfG2(point))) return `a coordinate of ${name} is not below q`;
  return isInfinityG2(point) ? `${name} is the point at infinity` : undefined;
}

export const strangerToG1 = (name: string): string => `${name} is not on the curve`;
export const strangerToG2 = (name: string): string => `${name} is not a point of G2`;

/** Why this is not a point of G1 other than infinity. */
export const g1Failure = (point: G1Point, name: string): string | undefined =>
  g1FormFailure(point, name) ?? (isValid(() => curveG1(point)) ? undefined : strangerToG1(name));

/** Why this is not a point of G2 other than infinity. The curve over Fq² has points outside the group of order r. */
export const g2Failure = (point: G2Point, name: string): string | undefined =>
  g2FormFailure(point, name) ?? (isValid(() => curveG2(point)) ? undefined : strangerToG2(name));
