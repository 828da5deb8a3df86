// SPDX-License-Identifier: GPL-3.0-or-later
// BigInt arithmetic to hold the native kernels against: schoolbook fields, @noble/curves for points. Knows nothing of lanes or limbs.
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { FIELD_Q } from "../../../../../offchain/core/zk/field.ts";
import {
  CURVE_G1,
  CURVE_G2,
  G1_INFINITY,
  pointOfG1,
  pointOfG2,
  type CurveG1,
  type CurveG2,
} from "../../../../../offchain/core/zk/points.ts";
import { lemOfG1, lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import type { NativeAddon } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { asWords, bigintOfWords } from "../../../../../offchain/engines/zk/r1cs/field-words.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { foundAddon } from "../../../../support/native-addon.ts";

export const MODULI = { base: FIELD_Q, scalar: FIELD } as const;
export const R = 1n << 256n;

/** The addon and its paths; undefined where nothing was built, with the reason for skipping. */
export function nativeOrReason():
  { readonly addon: NativeAddon } | { readonly addon: undefined; readonly reason: string } {
  return foundAddon.addon === undefined ? { addon: undefined, reason: foundAddon.reason } : { addon: foundAddon.addon };
}

/** xorshift128, so that a failure can be repeated. */
export function randomBigints(seed: number): (bound: bigint) => bigint {
  let [a, b] = [BigInt(seed) * 0x9e3779b97f4a7c15n + 1n, 0xd1342543de82ef95n];
  const mask = (1n << 64n) - 1n;
  const word = (): bigint => {
    let t = a & mask;
    a = b;
    t ^= (t << 23n) & mask;
    t ^= (t >> 17n) ^ b ^ (b >> 26n);
    b = t & mask;
    return (b + a) & mask;
  };
  return (bound) => {
    let value = 0n;
    for (let i = 0; i < 5; i++) value = (value << 64n) | word();
    return value % bound;
  };
}

export const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const elements = (values: readonly bigint[]): Uint8Array => join(values.map((value) => elementBytes(value)));
export function integers(bytes: Uint8Array): bigint[] {
  return Array.from({ length: bytes.length / 32 }, (_, i) =>
    bigintOfWords(asWords(bytes.slice(32 * i, 32 * i + 32)), 0),
  );
}

export function inverseOf(value: bigint, modulus: bigint): bigint {
  let [result, factor] = [1n, value % modulus];
  for (let rest = modulus - 2n; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * factor) % modulus;
    factor = (factor * factor) % modulus;
  }
  return value === 0n ? 0n : result;
}

const INFINITY_G2 = new Uint8Array(128);
export const GROUPS = {
  g1: {
    base: CURVE_G1.BASE,
    zero: CURVE_G1.ZERO,
    bytes: (point: CurveG1): Uint8Array => lemOfG1(point.is0() ? G1_INFINITY : pointOfG1(point)),
  },
  g2: {
    base: CURVE_G2.BASE,
    zero: CURVE_G2.ZERO,
    bytes: (point: CurveG2): Uint8Array => (point.is0() ? INFINITY_G2 : lemOfG2(pointOfG2(point))),
  },
} as const;
export type GroupName = keyof typeof GROUPS;

/** Discrete logarithms stand for points: point i is logs[i]·G, so that any sum is one multiplication. */
export function pointsOfLogs(group: GroupName, logs: readonly bigint[]): Uint8Array {
  const { base, bytes } = GROUPS[group] as (typeof GROUPS)["g1"];
  const known = new Map<bigint, Uint8Array>();
  return join(
    logs.map((log) => {
      const reduced = ((log % FIELD) + FIELD) % FIELD;
      const found = known.get(reduced) ?? bytes(base.multiplyUnsafe(reduced));
      known.set(reduced, found);
      return found;
    }),
  );
}
