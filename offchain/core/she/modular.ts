// SPDX-License-Identifier: MIT
// Exact arithmetic modulo primes below 2^30 in doubles: every intermediate is an integer below 2^53.

/** a * b mod p, for a, b < p < 2^30. */
export function mulMod(a: number, b: number, p: number): number {
  const high = Math.floor(a / 32768);
  return (((high * b) % p) * 32768 + (a - high * 32768) * b) % p;
}

export function powMod(base: number, exponent: number, p: number): number {
  let result = 1;
  for (let e = exponent, b = base % p; e > 0; e = Math.floor(e / 2), b = mulMod(b, b, p))
    if (e % 2 === 1) result = mulMod(result, b, p);
  return result;
}

/** 1/a mod the prime p. */
export const inverseMod = (a: number, p: number): number => powMod(a % p, p - 2, p);

/** floor(w * 2^32 / p), for w < p. */
export function shoupOf(w: number, p: number): number {
  const first = w * 65536;
  const high = Math.floor(first / p);
  return high * 65536 + Math.floor(((first % p) * 65536) / p);
}

/** The lowest `bits` bits of x in reverse order. */
export function reverseBits(x: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i++) result = (result << 1) | ((x >>> i) & 1);
  return result;
}

/** The automorphism that rotates the slots left by `steps` (any sign): 3^steps mod 2N. */
export function galoisElement(steps: number, degree: number): number {
  const slots = degree / 2;
  let element = 1;
  for (let i = ((steps % slots) + slots) % slots; i > 0; i--) element = (element * 3) % (2 * degree);
  return element;
}

/** Index map of X -> X^galois on rows in transformed order: out[j] = in[map[j]]. */
export function galoisMap(galois: number, degree: number): Uint32Array {
  const bits = Math.log2(degree);
  return Uint32Array.from({ length: degree }, (_, j) =>
    reverseBits((((galois * (2 * reverseBits(j, bits) + 1)) % (2 * degree)) - 1) / 2, bits),
  );
}
