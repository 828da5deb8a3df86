// SPDX-License-Identifier: MIT
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { assertLength, bigToBytes, bytesToBig, concatBytes, fromHex, toHex, type Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { keccak256 } from "./keccak.ts";

/** EIP-2098: `vs` is s with the recovery bit in its top bit. s is at most half the group's order, so one signature has one form. */
export interface CompactSignature {
  readonly r: Hex;
  readonly vs: Hex;
}

const ORDER = secp256k1.Point.Fn.ORDER;
const HALF_ORDER = ORDER >> 1n;
const TOP_BIT = 1n << 255n;

const bad = (why: string, cause?: unknown) => new CoreError("SIGNATURE_INVALID", { why }, { cause });

const addressOf = (point: Uint8Array): Hex => toHex(keccak256(point.subarray(1)).subarray(12));

/** Lower-case address of a 32-byte private key. Error: PRIVATE_KEY_INVALID. */
export function addressOfKey(privateKey: Uint8Array): Hex {
  if (!secp256k1.utils.isValidSecretKey(privateKey)) throw new CoreError("PRIVATE_KEY_INVALID");
  return addressOf(secp256k1.getPublicKey(privateKey, false));
}

/** Deterministic (RFC 6979), low-s. `digest`: 32 bytes, already hashed. Errors: LENGTH_WRONG, PRIVATE_KEY_INVALID. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): CompactSignature {
  assertLength(digest, 32, "The digest");
  if (!secp256k1.utils.isValidSecretKey(privateKey)) throw new CoreError("PRIVATE_KEY_INVALID");
  const bytes = secp256k1.sign(digest, privateKey, { prehash: false, lowS: true, format: "recovered" });
  const s = bytesToBig(bytes.subarray(33)) | (bytes[0] === 1 ? TOP_BIT : 0n);
  return { r: toHex(bytes.subarray(1, 33)), vs: toHex(bigToBytes(s, 32)) };
}

/**
 * The lower-case address that signed. Anything that the hub's ecrecover would refuse, and every high-s twin, is SIGNATURE_INVALID.
 */
export function recoverSigner(digest: Uint8Array, { r, vs }: CompactSignature): Hex {
  assertLength(digest, 32, "The digest");
  const rValue = bytesToBig(fromHex(r, 32, "r"));
  const vsValue = bytesToBig(fromHex(vs, 32, "vs"));
  const s = vsValue & (TOP_BIT - 1n);
  if (rValue === 0n || rValue >= ORDER) throw bad("r is outside the group's order");
  if (s === 0n || s > HALF_ORDER) throw bad("s is zero or above half the group's order");
  const recovery = vsValue >= TOP_BIT ? 1 : 0;
  try {
    return addressOf(new secp256k1.Signature(rValue, s, recovery).recoverPublicKey(digest).toBytes(false));
  } catch (cause) {
    throw bad("no key has made it", cause);
  }
}

/** r ‖ vs, 64 bytes. */
export const packSignature = ({ r, vs }: CompactSignature): Uint8Array =>
  concatBytes(fromHex(r, 32, "r"), fromHex(vs, 32, "vs"));

/** Error: LENGTH_WRONG unless 64 bytes. */
export function unpackSignature(bytes: Uint8Array): CompactSignature {
  assertLength(bytes, 64, "The signature");
  return { r: toHex(bytes.subarray(0, 32)), vs: toHex(bytes.subarray(32)) };
}
