// SPDX-License-Identifier: GPL-3.0-or-later
// Leveled RNS-CKKS by its definitions, in BigInt, on polynomials as coefficient lists: shares no code with the evaluator.

export type Polynomial = readonly bigint[];

export const mod = (a: bigint, p: bigint): bigint => ((a % p) + p) % p;
/** Representative in (-p/2, p/2). */
export const centred = (a: bigint, p: bigint): bigint => (mod(a, p) > p / 2n ? mod(a, p) - p : mod(a, p));

export const addPolynomials = (a: Polynomial, b: Polynomial, p: bigint): bigint[] =>
  a.map((x, i) => mod(x + (b[i] ?? 0n), p));

/** Product modulo X^N + 1. */
export function multiply(a: Polynomial, b: Polynomial, p: bigint): bigint[] {
  const n = a.length;
  const out = Array.from({ length: n }, () => 0n);
  for (const [i, x] of a.entries())
    for (const [j, y] of b.entries()) {
      const k = (i + j) % n;
      out[k] = (out[k] ?? 0n) + (i + j < n ? x * y : -x * y);
    }
  return out.map((x) => mod(x, p));
}

/** X -> X^g. */
export function automorphism(a: Polynomial, g: number, p: bigint): bigint[] {
  const n = a.length;
  const out = Array.from({ length: n }, () => 0n);
  for (const [i, x] of a.entries()) {
    const k = (i * g) % (2 * n);
    out[k % n] = mod(k < n ? x : -x, p);
  }
  return out;
}

function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n;
  for (let e = exponent, b = base; e > 0n; e >>= 1n, b = (b * b) % p) if (e & 1n) result = (result * b) % p;
  return result;
}

const reversed = (x: number, bits: number): number =>
  Number.parseInt(x.toString(2).padStart(bits, "0").split("").toReversed().join(""), 2);

/** psi^0 to psi^(2N - 1). */
function powers(psi: bigint, n: number, p: bigint): bigint[] {
  const all = [1n];
  while (all.length < 2 * n) all.push(((all.at(-1) ?? 1n) * psi) % p);
  return all;
}

/** Row position j holds a(psi^(2 brv(j) + 1)). */
export function toRow(a: Polynomial, psi: bigint, p: bigint): bigint[] {
  const n = a.length;
  const points = powers(psi, n, p);
  return a.map((_, j) => {
    const exponent = 2 * reversed(j, Math.log2(n)) + 1;
    return mod(
      a.reduce((sum, x, i) => sum + x * (points[(i * exponent) % (2 * n)] ?? 0n), 0n),
      p,
    );
  });
}

/** Inverse of `toRow`, by the sum over all points. */
export function fromRow(row: readonly bigint[], psi: bigint, p: bigint): bigint[] {
  const n = row.length;
  const points = powers(psi, n, p);
  const exponents = row.map((_, j) => 2 * reversed(j, Math.log2(n)) + 1);
  const inverse = power(BigInt(n), p - 2n, p);
  return row.map((_, i) => {
    const sum = row.reduce((total, x, j) => {
      const exponent = (2 * n - ((i * (exponents[j] ?? 0)) % (2 * n))) % (2 * n);
      return total + x * (points[exponent] ?? 0n);
    }, 0n);
    return mod(sum * inverse, p);
  });
}

/** Centred remainder division of residues by one of their primes: round(a / last), modulo each other prime. */
export function divideRounded(residues: readonly Polynomial[], primes: readonly bigint[], last: number): bigint[][] {
  const dropped = primes[last] ?? 1n;
  const remainder = residues[last] ?? [];
  return residues
    .map((row, i) => ({ row, p: primes[i] ?? 1n, i }))
    .filter(({ i }) => i !== last)
    .map(({ row, p }) =>
      row.map((x, k) => mod((x - centred(remainder[k] ?? 0n, dropped)) * power(mod(dropped, p), p - 2n, p), p)),
    );
}
