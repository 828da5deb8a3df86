// SPDX-License-Identifier: GPL-3.0-or-later
import { buildBn128, type Curve } from "ffjavascript";
import { randomBytes } from "node:crypto";
import { FIELD_R } from "../../../core/zk/field.ts";
import { CURVE_G1, curveG1, type CurveG1 } from "../../../core/zk/points.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { isZeroAt, readG1Lem } from "./lem.ts";
import type { Work } from "./phase-1.ts";

const CHUNK = 1 << 14;
/** Bytes of a random coefficient: a wrong list passes with probability 2^-128. */
const COEFFICIENT_BYTES = 16;

/** Runs work on ffjavascript's threads and ends them, unless somebody else had started them. */
export async function withCurve<T>(work: (curve: Curve) => Promise<T>): Promise<T> {
  const shared = Reflect.get(globalThis, "curve_bn128") as Curve | null | undefined;
  if (shared) return work(shared);
  const curve = await buildBn128();
  try {
    return await work(curve);
  } finally {
    await curve.terminate();
  }
}

/** Every point times a scalar; infinity stays infinity. */
export async function timesEach(
  curve: Curve,
  points: Uint8Array,
  scalar: bigint,
  work: Work = {},
): Promise<Uint8Array> {
  const out = new Uint8Array(points.length);
  const factor = curve.Fr.e(scalar);
  for (let at = 0; at < points.length; at += CHUNK * G1_BYTES) {
    work.signal?.throwIfAborted();
    const part = points.slice(at, at + CHUNK * G1_BYTES);
    out.set(await curve.G1.batchApplyKey(part, factor, curve.Fr.one), at);
  }
  return out;
}

/**
 * One random linear combination of two lists of the same length. If a list is the other divided by one number, so are the two sums;
 * otherwise they are not, except with probability 2^-128. Points must be on the curve.
 */
export async function combine(
  curve: Curve,
  first: Uint8Array,
  second: Uint8Array,
  work: Work = {},
): Promise<[CurveG1, CurveG1]> {
  let sums: [CurveG1, CurveG1] = [CURVE_G1.ZERO, CURVE_G1.ZERO];
  for (let at = 0; at < first.length; at += CHUNK * G1_BYTES) {
    work.signal?.throwIfAborted();
    const [a, b] = [first.slice(at, at + CHUNK * G1_BYTES), second.slice(at, at + CHUNK * G1_BYTES)];
    const coefficients = new Uint8Array(randomBytes((a.length / G1_BYTES) * COEFFICIENT_BYTES));
    sums = [
      sums[0].add(toCurve(curve, await curve.G1.multiExpAffine(a, coefficients))),
      sums[1].add(toCurve(curve, await curve.G1.multiExpAffine(b, coefficients))),
    ];
  }
  return sums;
}

function toCurve(curve: Curve, jacobian: Uint8Array): CurveG1 {
  const affine = curve.G1.toAffine(jacobian);
  return isZeroAt(affine, 0, G1_BYTES) ? CURVE_G1.ZERO : curveG1(readG1Lem(affine));
}

/** 1/x mod r. */
export function invertScalar(x: bigint): bigint {
  let [r0, r1, t0, t1] = [FIELD_R, x, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  return ((t0 % FIELD_R) + FIELD_R) % FIELD_R;
}
