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
