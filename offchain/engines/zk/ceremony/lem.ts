// SPDX-License-Identifier: GPL-3.0-or-later
// Points as .zkey and .groups files keep them (affine, little-endian, Montgomery form), when they come from a stranger.
import type { G1Point, G2Point } from "../../../core/zk/points.ts";
import { FIELD_Q } from "../../../core/zk/field.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";

const MONTGOMERY = (1n << 256n) % FIELD_Q;
const MONTGOMERY_INVERSE = inverse(MONTGOMERY);
/** The curve's 3, cubed into Montgomery form: y² = x³ + 3 becomes y'²·R = x'³ + 3R³. */
const B_TERM = (3n * MONTGOMERY ** 3n) % FIELD_Q;

function inverse(value: bigint): bigint {
  let [r0, r1, t0, t1] = [FIELD_Q, value, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  return ((t0 % FIELD_Q) + FIELD_Q) % FIELD_Q;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const raw = (view: DataView, at: number): bigint =>
  view.getBigUint64(at, true) |
  (view.getBigUint64(at + 8, true) << 64n) |
  (view.getBigUint64(at + 16, true) << 128n) |
  (view.getBigUint64(at + 24, true) << 192n);

const coordinate = (view: DataView, at: number): bigint => {
  const value = raw(view, at);
  // A value at or above q would be a second spelling of the same point.
  return value < FIELD_Q ? (value * MONTGOMERY_INVERSE) % FIELD_Q : FIELD_Q;
};

/** Form only: a coordinate that is not canonical comes back as q, which every check of a point refuses. */
export function readG1Lem(bytes: Uint8Array, at = 0): G1Point {
  const view = viewOf(bytes);
  return { x: coordinate(view, at), y: coordinate(view, at + 32) };
}

/** As `readG1Lem`; here c0 stands before c1. */
export function readG2Lem(bytes: Uint8Array, at = 0): G2Point {
  const view = viewOf(bytes);
  const [x0, x1, y0, y1] = [0, 32, 64, 96].map((offset) => coordinate(view, at + offset)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  return { x: [x0, x1], y: [y0, y1] };
}

export function isZeroAt(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The first point of a list that is neither infinity nor a canonical point of the curve, or -1. G1's cofactor is 1. */
export function firstBadG1(points: Uint8Array): number {
  const view = viewOf(points);
  for (let at = 0; at < points.length; at += G1_BYTES) {
    const x = raw(view, at);
    const y = raw(view, at + 32);
    if (x === 0n && y === 0n) continue;
    if (x >= FIELD_Q || y >= FIELD_Q || (y * y * MONTGOMERY - x * x * x - B_TERM) % FIELD_Q !== 0n)
      return at / G1_BYTES;
  }
  return -1;
}
