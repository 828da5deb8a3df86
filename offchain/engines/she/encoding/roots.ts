// SPDX-License-Identifier: MIT

/** Fixed-point bits: errors of 2^14 products stay far below half a unit of a double. */
const BITS = 128n;
const ONE = 1n << BITS;

function squareRoot(n: bigint): bigint {
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

const toDouble = (x: bigint): number => Number(x) / 2 ** Number(BITS);

/** exp(i pi k / N) for k < 2N, as doubles. */
export interface Roots {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

const made = new Map<number, Roots>();

/**
 * Roots of unity from integer arithmetic: the same doubles on every machine, which `Math.cos` does not promise. `degree`: a power
 * of two. Made once a process: about 20 ms at 8192.
 */
export function rootsOfUnity(degree: number): Roots {
  const known = made.get(degree);
  if (known !== undefined) return known;
  // cos(pi / 2^k) by half angles, from pi / 2.
  let [cos, sin] = [0n, ONE];
  for (let n = 2; n < degree; n *= 2)
    [cos, sin] = [squareRoot(((ONE + cos) << BITS) >> 1n), squareRoot(((ONE - cos) << BITS) >> 1n)];
  const [re, im] = [new Float64Array(2 * degree), new Float64Array(2 * degree)];
  let [x, y] = [ONE, 0n];
  // An eighth of the circle; symmetry gives the rest exactly.
  const eighth = degree / 4;
  for (let k = 0; k <= eighth; k++) {
    const [c, s] = [toDouble(x), toDouble(y)];
    for (const [at, cosine, sine] of [
      [k, c, s],
      [degree / 2 - k, s, c],
      [degree / 2 + k, -s, c],
      [degree - k, -c, s],
      [degree + k, -c, -s],
      [(3 * degree) / 2 - k, -s, -c],
      [(3 * degree) / 2 + k, s, -c],
      [2 * degree - k, c, -s],
    ] as const) {
      // Adding zero turns -0 into 0.
      re[at % (2 * degree)] = cosine + 0;
      im[at % (2 * degree)] = sine + 0;
    }
    [x, y] = [(x * cos - y * sin) >> BITS, (x * sin + y * cos) >> BITS];
  }
  const roots = { re, im };
  made.set(degree, roots);
  return roots;
}
