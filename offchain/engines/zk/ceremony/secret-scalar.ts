// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, hash, randomBytes } from "node:crypto";
import { bytesToBig, fromHex, joinBytes, utf8, type Hex } from "../../../core/bytes.ts";
import { domainHash, keccak256 } from "../../../core/keccak.ts";
import { FIELD_R, modR } from "../../../core/zk/field.ts";
import type { GroupTag } from "./circuit.ts";

/** 512 bits, so that the reduction's bias is below 2^-256. */
const reduce = (wide: Uint8Array): bigint => modR(bytesToBig(wide));

/**
 * A uniform scalar other than 0, 1 and -1, from the operating system; `text` is mixed in for those who do not trust it alone, and
 * cannot make it worse. Neither is kept anywhere.
 */
export function secretScalar(text: string): bigint {
  for (;;) {
    const scalar = reduce(createHash("sha512").update(randomBytes(64)).update(utf8(text)).digest());
    if (scalar > 1n && scalar !== FIELD_R - 1n) return scalar;
  }
}

/** What snarkjs takes as entropy; it hashes its own bytes of the system into it. */
export const stockEntropy = (text: string): string =>
  createHash("sha512").update(randomBytes(64)).update(utf8(text)).digest("hex");

/** SHA-256 applied 2^iterations times: nobody learns the outcome much earlier than others. */
export function stretchBeacon(beacon: Uint8Array, iterations: number): Uint8Array {
  let value: Uint8Array = beacon;
  for (let rest = 2 ** iterations; rest > 0; rest--) value = hash("sha256", value, "buffer");
  return value;
}

/** The x of a beacon: of this ceremony, step and delta alone. */
export function beaconScalar(stretched: Uint8Array, previous: Hex, tag: GroupTag): bigint {
  const seed = keccak256(
    domainHash("assay.v1.zk.ceremony.beacon"),
    fromHex(previous, 32),
    Uint8Array.of(tag),
    stretched,
  );
  return reduce(wideHash(seed));
}

/** 512 bits of keccak256. */
const wideHash = (seed: Uint8Array): Uint8Array =>
  joinBytes([1, 2].map((half) => keccak256(seed, Uint8Array.of(half))));

/** The challenge of a proof of knowledge. */
export const challengeScalar = (...parts: readonly Uint8Array[]): bigint =>
  reduce(wideHash(keccak256(domainHash("assay.v1.zk.ceremony.knowledge"), ...parts)));
