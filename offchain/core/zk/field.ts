// SPDX-License-Identifier: MIT
import { bytesToBig, fromHex, type Hex } from "../bytes.ts";
import { FIELD } from "../poseidon-constants.ts";

/** BN254: order of the groups, the field of circuits. */
export const FIELD_R = FIELD;
/** BN254: the field of point coordinates. */
export const FIELD_Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d_3c208c16d87cfd47n;

/** The representative in [0, r). */
export function modR(value: bigint): bigint {
  const rest = value % FIELD_R;
  return rest < 0n ? rest + FIELD_R : rest;
}

/** 32 bytes, big-endian, reduced: for hashes only. A digest that stands for a field element must be below r already. */
export const toScalar = (hash: Hex | Uint8Array): bigint =>
  modR(bytesToBig(typeof hash === "string" ? fromHex(hash, 32) : hash));
