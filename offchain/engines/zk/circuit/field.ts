// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD, mod } from "../../../core/poseidon-constants.ts";

export { FIELD, mod };

const HALF = FIELD >> 1n;

/** The representative nearest to zero: products with small negatives stay small. */
export const centred = (value: bigint): bigint => (value > HALF ? value - FIELD : value);

/** 1/value; 0 for 0, as callers check first. */
export function inverse(value: bigint): bigint {
  let [a, b, x, y] = [mod(value), FIELD, 1n, 0n];
  while (a > 1n) {
    const q = b / a;
    [a, b] = [b - q * a, a];
    [x, y] = [y - q * x, x];
  }
  return mod(x);
}

/** Montgomery's trick, in place: one inversion and three products an element. Returns the index of a zero, or -1. */
export function invertAll(values: bigint[]): number {
  const zero = values.findIndex((value) => value === 0n);
  if (zero >= 0) return zero;
  const before: bigint[] = [];
  let product = 1n;
  for (const value of values) {
    before.push(product);
    product = (product * value) % FIELD;
  }
  let rest = inverse(product);
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i] as bigint;
    values[i] = (rest * (before[i] as bigint)) % FIELD;
    rest = (rest * value) % FIELD;
  }
  return -1;
}
