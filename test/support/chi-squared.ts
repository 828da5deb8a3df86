// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Upper tail of the chi-squared distribution by the Wilson-Hilferty approximation: good to a few per cent of p for ten
 * and more degrees of freedom, which is all a test of uniformity asks.
 */
export function chiSquaredTail(statistic: number, degrees: number): number {
  const spread = 2 / (9 * degrees);
  const z = ((statistic / degrees) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread);
  // Abramowitz and Stegun 7.1.26.
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = (poly * Math.exp(-x * x)) / 2;
  return z >= 0 ? tail : 1 - tail;
}

/** p of observed counts under expected ones; cells whose expectation is below 5 are put together. */
export function chiSquaredP(observed: readonly number[], expected: readonly number[]): number {
  let [statistic, cells, restSeen, restWanted] = [0, 0, 0, 0];
  observed.forEach((count, index) => {
    const want = expected[index] ?? 0;
    if (want < 5) {
      restSeen += count;
      restWanted += want;
      return;
    }
    statistic += (count - want) ** 2 / want;
    cells++;
  });
  if (restWanted > 0) {
    statistic += (restSeen - restWanted) ** 2 / restWanted;
    cells++;
  }
  return chiSquaredTail(statistic, cells - 1);
}
