// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { shake128, shake256 } from "@noble/hashes/sha3.js";

/** Public standards, passed in so that platforms with hardware or native code use it. */
export interface SheHashes {
  sha256(bytes: Uint8Array): Uint8Array;
  /** FIPS 202; `length` in bytes. */
  shake128(bytes: Uint8Array, length: number): Uint8Array;
  shake256(bytes: Uint8Array, length: number): Uint8Array;
}

/** Plain JavaScript, for browsers; `engines/she/node-hashes.ts` is ten times faster. */
export const portableHashes: SheHashes = {
  sha256,
  shake128: (bytes, length) => shake128(bytes, { dkLen: length }),
  shake256: (bytes, length) => shake256(bytes, { dkLen: length }),
};
