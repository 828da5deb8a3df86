// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { CURVE_G2, curveG2, type G2Point } from "../../../core/zk/points.ts";
import { pairsToOne } from "../../../core/zk/noble-pairing.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import { combine } from "./curve.ts";
import { CeremonyError } from "./errors.ts";
import { firstBadG1, isZeroAt } from "./lem.ts";
import type { Work } from "./phase-1.ts";

/** Lists that must be `base` divided by one delta, in G2. */
export interface DividedPoints {
  /** The delta's name, for errors. */
  readonly delta: string;
  readonly deltaG2: G2Point;
  readonly base: Uint8Array;
  readonly points: Uint8Array;
}

const wrong = (delta: string, reason: string) => new CeremonyError("POINTS_WRONG", { delta, reason });

/**
 * points·δ = base for every point: e(Σ s·points, δ) = e(Σ s·base, g₂) for random s. Infinity must stand exactly where `base` has it.
 * Error: POINTS_WRONG.
 */
export async function checkDivided(curve: Curve, list: DividedPoints, work: Work = {}): Promise<void> {
  const { delta, deltaG2, base, points } = list;
  if (points.length !== base.length) throw wrong(delta, "there are too many or too few");
  const bad = firstBadG1(points);
  if (bad >= 0) throw wrong(delta, `point ${bad} is not a canonical point of the curve`);
  for (let at = 0; at < base.length; at += G1_BYTES)
    if (isZeroAt(base, at, G1_BYTES) !== isZeroAt(points, at, G1_BYTES))
      throw wrong(delta, `point ${at / G1_BYTES} is infinity in one of key and circuit only`);
  const [ofBase, ofPoints] = await combine(curve, base, points, work);
  if (ofBase.is0() && ofPoints.is0()) return;
  const fits = pairsToOne([
    [ofPoints, curveG2(deltaG2)],
    [ofBase.negate(), CURVE_G2.BASE],
  ]);
  if (ofBase.is0() || ofPoints.is0() || !fits) throw wrong(delta, "they are not the circuit's, divided by it");
}
