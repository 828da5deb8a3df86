// SPDX-License-Identifier: MIT
import type { Ring } from "../kernel/ring.ts";
import { inverseMod, mulMod } from "../../../core/she/modular.ts";

/** Integer coefficients (|c| < 2^53) as a row of the prime with this index, transformed. */
export function coefficientsToRow(
  ring: Ring,
  coefficients: ArrayLike<number>,
  index: number,
  polynomial: number,
): void {
  const { prime } = ring.table(index);
  const row = new Uint32Array(ring.degree);
  for (let i = 0; i < row.length; i++) {
    const residue = (coefficients[i] ?? 0) % prime;
    row[i] = residue < 0 ? residue + prime : residue;
  }
  ring.row(polynomial, 0).set(row);
  // They may be a secret's.
  row.fill(0);
  ring.forward(index, polynomial, polynomial);
}

/**
 * The integers nearest to zero with these residues modulo the first primes, one row of coefficients a prime (mixed-radix digits,
 * Garner). Exact below 2^53; values must be well inside half the primes' product.
 */
export function composeCoefficients(rows: readonly Uint32Array[], primes: readonly number[]): Float64Array {
  const inverses = primes.map((p, i) => primes.slice(0, i).map((q) => inverseMod(q, p)));
  const digits = rows.map(() => 0);
  return Float64Array.from({ length: rows[0]?.length ?? 0 }, (_, k) => {
    for (const [i, p] of primes.entries()) {
      let digit = rows[i]?.[k] ?? 0;
      for (let j = 0; j < i; j++) {
        const difference = (digit - (digits[j] ?? 0) + 2 * p) % p;
        digit = mulMod(difference, inverses[i]?.[j] ?? 0, p);
      }
      digits[i] = digit;
    }
    let value = 0;
    for (let i = primes.length - 1; i >= 0; i--) {
      const [digit = 0, p = 1] = [digits[i], primes[i]];
      value = i === primes.length - 1 && 2 * digit > p ? digit - p : digit + p * value;
    }
    return value;
  });
}
