// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../offchain/core/poseidon-constants.ts";
import type { Prng } from "./prng.ts";

/** Reduced elements where carries, borrows and short forms begin and end. */
export const EDGE_ELEMENTS: readonly bigint[] = [
  0n,
  1n,
  2n,
  FIELD - 1n,
  FIELD - 2n,
  FIELD >> 1n,
  (FIELD >> 1n) + 1n,
  ...[29n, 32n, 53n, 58n, 64n, 128n, 192n, 232n, 253n].flatMap((bits) =>
    [-1n, 0n, 1n].flatMap((by) => [(1n << bits) + by, FIELD - (1n << bits) - by]),
  ),
];

export const randomElement = (prng: Prng): bigint => prng.bigint(320) % FIELD;

/** An element as witnesses have them: short, shortly below zero, at an edge, or any. */
export function mixedElement(prng: Prng): bigint {
  const kind = prng.int(0, 3);
  if (kind === 0) return BigInt(prng.int(0, 255));
  if (kind === 1) return FIELD - BigInt(prng.int(1, 255));
  return kind === 2 ? prng.pick(EDGE_ELEMENTS as [bigint, ...bigint[]]) : randomElement(prng);
}
