// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The error function to about 1e-15 from exp and the four operations alone, so that tables are the same on every
 * machine: its Maclaurin series below 3, the continued fraction of the complement above (Abramowitz and Stegun 7.1.5,
 * 7.1.14).
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let k = 60; k > 0; k--) fraction = z + k / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (fraction * Math.sqrt(Math.PI)));
}

/** x·Φ(x), the exact GELU. */
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
