// SPDX-License-Identifier: MIT

/** A positive rational: scales are exact. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y > 0n) [x, y] = [y, x % y];
  return x;
}

export function ratio(numerator: bigint, denominator = 1n): Ratio {
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

export const times = (a: Ratio, b: Ratio): Ratio => ratio(a.numerator * b.numerator, a.denominator * b.denominator);

export const over = (a: Ratio, b: Ratio): Ratio => ratio(a.numerator * b.denominator, a.denominator * b.numerator);

/** The double nearest from below in 62 bits: the same everywhere. */
export function toDouble({ numerator, denominator }: Ratio): number {
  const bits = (x: bigint) => x.toString(2).length;
  const shift = BigInt(62 + bits(denominator) - bits(numerator));
  const quotient = shift > 0n ? (numerator << shift) / denominator : numerator / (denominator << -shift);
  return Number(quotient) / 2 ** Number(shift);
}

/** a < b for a non-negative double a, exactly. */
export function isBelow(a: number, b: bigint): boolean {
  return Number.isFinite(a) && BigInt(Math.ceil(a)) < b;
}
