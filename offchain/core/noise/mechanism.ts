// SPDX-License-Identifier: MIT
import { NoiseError } from "./errors.ts";

/** What a model publishes about the noise on one boundary. */
export interface NoiseMechanism {
  /** L2 norm that a row is clipped to: a whole number from public calibration data, never from the request. */
  readonly clip: number;
  /** Parameter sigma^2 of the discrete Gaussian, as a fraction. */
  readonly varianceNumerator: number;
  readonly varianceDenominator: number;
}

export const MICRO = 1_000_000n;
/** 1/delta = 10^6: ln = 13.815510557964274104..., rounded up at 18 decimals. */
const LN_INVERSE_DELTA = 13_815_510_557_964_274_105n;
const SCALE = 10n ** 18n;

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** Smallest integer whose square is at least `value`. */
export function ceilSqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (let next = (root + value / root) >> 1n; next < root; next = (root + value / root) >> 1n) root = next;
  return root * root === value ? root : root + 1n;
}

/** Error: NOISE_INVALID. */
export function checkMechanism({ clip, varianceNumerator, varianceDenominator }: NoiseMechanism): void {
  const whole = (name: string, value: number, most: number) => {
    if (!Number.isSafeInteger(value) || value < 1 || value > most)
      throw new NoiseError("NOISE_INVALID", { why: `${name} is not a whole number from 1 to ${most}` });
  };
  whole("the clip", clip, 2 ** 24);
  whole("the variance's numerator", varianceNumerator, 2 ** 40);
  whole("the variance's denominator", varianceDenominator, 2 ** 20);
}

/**
 * Zero-concentrated loss of one release in millionths, rounded up: rho = (2·clip)² / (2·sigma²), for whoever replaces the
 * whole input. Losses about one subject add. Error: NOISE_INVALID.
 */
export function releaseRho(mechanism: NoiseMechanism): bigint {
  checkMechanism(mechanism);
  const { clip, varianceNumerator, varianceDenominator } = mechanism;
  return ceilDivide(2n * BigInt(clip) ** 2n * BigInt(varianceDenominator) * MICRO, BigInt(varianceNumerator));
}

/**
 * epsilon = rho + 2·sqrt(rho·ln(1/delta)) at delta = 10^-6, in thousandths, rounded up. In integers, so that everybody
 * reports the same number.
 */
export function epsilonOf(rhoMicro: bigint): bigint {
  const rho = (rhoMicro * SCALE) / MICRO;
  const root = ceilSqrt(rho * LN_INVERSE_DELTA);
  return ceilDivide((rho + 2n * root) * 1000n, SCALE);
}

/** The largest loss whose epsilon is at most this many thousandths: a budget as the ledger counts it. */
export function rhoBudget(epsilonMilli: bigint): bigint {
  let [low, high] = [0n, epsilonMilli * 1000n];
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (epsilonOf(middle) <= epsilonMilli) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** What an epsilon may be called. Most noise that leaves a network useful is cosmetic. */
export function noiseLabel(epsilonMilli: bigint): "strong" | "moderate" | "cosmetic" {
  return epsilonMilli <= 1000n ? "strong" : epsilonMilli <= 8000n ? "moderate" : "cosmetic";
}
