// SPDX-License-Identifier: MIT
import type { RandomStream } from "./random-stream.ts";

// Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020), algorithms 1 to 3: exact, with
// whole numbers only. Floating-point samplers leak through the gaps between floats (Mironov 2012).

/** Fractions whose parts stay below this are drawn with numbers, others with BigInt. Same distribution. */
const FAST = 2 ** 47;

/** True with probability numerator / denominator, at most 1. */
function bernoulli(random: RandomStream, numerator: number, denominator: number): boolean {
  if (denominator < FAST) return random.below(denominator) < numerator;
  return random.belowBig(BigInt(denominator)) < BigInt(numerator);
}

function bernoulliBig(random: RandomStream, numerator: bigint, denominator: bigint): boolean {
  return random.belowBig(denominator) < numerator;
}

/** True with probability exp(-numerator/denominator) for a fraction of at most 1. */
function expUnit(random: RandomStream, numerator: number, denominator: number): boolean {
  let k = 1;
  while (
    denominator * k < FAST
      ? bernoulli(random, numerator, denominator * k)
      : bernoulliBig(random, BigInt(numerator), BigInt(denominator) * BigInt(k))
  )
    k++;
  return k % 2 === 1;
}

function expUnitBig(random: RandomStream, numerator: bigint, denominator: bigint): boolean {
  let k = 1n;
  while (bernoulliBig(random, numerator, denominator * k)) k++;
  return k % 2n === 1n;
}

/** True with probability exp(-numerator/denominator). */
function expBernoulli(random: RandomStream, numerator: bigint, denominator: bigint): boolean {
  for (let whole = numerator / denominator; whole > 0n; whole--) if (!expUnit(random, 1, 1)) return false;
  const rest = numerator % denominator;
  return denominator < BigInt(FAST)
    ? expUnit(random, Number(rest), Number(denominator))
    : expUnitBig(random, rest, denominator);
}

/** Discrete Laplace: P(y) proportional to exp(-|y|/t). */
function discreteLaplace(random: RandomStream, t: number): number {
  for (;;) {
    const u = random.below(t);
    if (!expUnit(random, u, t)) continue;
    let v = 0;
    while (expUnit(random, 1, 1)) v++;
    const magnitude = u + t * v;
    const negative = random.below(2) === 1;
    if (negative && magnitude === 0) continue;
    return negative ? -magnitude : magnitude;
  }
}

/** floor(sqrt(p/q)) + 1. */
function laplaceScale(p: bigint, q: bigint): number {
  let t = BigInt(Math.max(1, Math.floor(Math.sqrt(Number(p) / Number(q)))));
  while (t * t * q > p) t--;
  while ((t + 1n) * (t + 1n) * q <= p) t++;
  return Number(t) + 1;
}

/**
 * A sampler of the discrete Gaussian on the integers, P(y) proportional to exp(-y²/(2·sigma²)), sigma² = numerator /
 * denominator (positive whole numbers).
 */
export function discreteGaussian(varianceNumerator: number, varianceDenominator: number): (r: RandomStream) => number {
  const [p, q] = [BigInt(varianceNumerator), BigInt(varianceDenominator)];
  const t = laplaceScale(p, q);
  const scale = q * BigInt(t);
  const denominator = 2n * p * scale * BigInt(t);
  return (random) => {
    for (;;) {
      const y = discreteLaplace(random, t);
      // (|y| - sigma²/t)² / (2 sigma²), over one denominator.
      const distance = BigInt(Math.abs(y)) * scale - p;
      if (expBernoulli(random, distance * distance, denominator)) return y;
    }
  };
}
