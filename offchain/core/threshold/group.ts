// SPDX-License-Identifier: MIT
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesToBig, concatBytes, utf8 } from "../bytes.ts";
import { ByteWriter } from "../byte-writer.ts";
import type { CryptoPort } from "../crypto-port.ts";
import { ThresholdError } from "./errors.ts";

// ristretto255 (RFC 9496): prime order, one encoding a point, so there is neither a small subgroup nor a second form of anything.

export type Point = InstanceType<typeof ristretto255.Point>;
export const Group: typeof ristretto255.Point = ristretto255.Point;
export const { Fn: Scalars } = Group;
export const POINT_BYTES = 32;
export const SCALAR_BYTES = 32;

/** TDH2's second base: nobody knows its logarithm. */
export const SECOND_BASE: Point = ristretto255_hasher.hashToCurve(utf8("second base"), { DST: "assay.v1.threshold" });

const invalid = (what: string, why: string, cause?: unknown) =>
  new ThresholdError("THRESHOLD_INVALID", { what, why }, { cause });

/** Strict; the identity is refused too: as a key or a share it hides nothing. Error: THRESHOLD_INVALID. */
export function readPoint(bytes: Uint8Array, what: string): Point {
  let point: Point;
  try {
    point = Group.fromBytes(bytes);
  } catch (cause) {
    throw invalid(what, "it is no canonical point", cause);
  }
  if (point.is0()) throw invalid(what, "it is the identity");
  return point;
}

/** Below the order, in its one encoding (little-endian). Error: THRESHOLD_INVALID. */
export function readScalar(bytes: Uint8Array, what: string): bigint {
  try {
    return Scalars.fromBytes(bytes);
  } catch (cause) {
    throw invalid(what, "it is no canonical scalar", cause);
  }
}

export const writeScalar = (scalar: bigint): Uint8Array => Scalars.toBytes(scalar);

/** Uniform up to 2^-250: 512 bits reduced. Never zero. */
const reduce = (bytes: Uint8Array): bigint => (bytesToBig(bytes) % (Scalars.ORDER - 1n)) + 1n;

/** From the operating system's generator; never zero. */
export function randomScalar(crypto: Pick<CryptoPort, "randomBytes">): bigint {
  const bytes = crypto.randomBytes(64);
  const scalar = reduce(bytes);
  bytes.fill(0);
  return scalar;
}

/** Each part with its length: no two lists hash alike. */
export function hashParts(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const part of [utf8(`assay.v1.threshold.${tag}`), ...parts]) writer.bytes(part);
  return sha512(writer.finish());
}

export const hashToScalar = (tag: string, ...parts: readonly Uint8Array[]): bigint => reduce(hashParts(tag, ...parts));

/**
 * A nonce for one proof: random, and of the secret and all that is proven too, so that a bad generator does not give the secret away by
 * repeating itself.
 */
export function proofNonce(crypto: Pick<CryptoPort, "randomBytes">, secret: bigint, statement: Uint8Array): bigint {
  const random = crypto.randomBytes(32);
  const nonce = hashToScalar("nonce", random, writeScalar(secret), statement);
  random.fill(0);
  return nonce;
}

/** Of public numbers only: its time tells them. */
export const timesPublic = (point: Point, scalar: bigint): Point =>
  scalar === 0n ? Group.ZERO : point.multiplyUnsafe(scalar);

/** Σ coefficients[k]·x^k in the exponent: what a dealer's commitments say of the share at x. */
export function evaluateCommitments(commitments: readonly Point[], x: number): Point {
  let sum = Group.ZERO;
  for (const commitment of commitments.toReversed()) sum = timesPublic(sum, BigInt(x)).add(commitment);
  return sum;
}

/** Horner, over the scalars. */
export function evaluatePolynomial(coefficients: readonly bigint[], x: number): bigint {
  let sum = 0n;
  for (const coefficient of coefficients.toReversed()) sum = Scalars.add(Scalars.mul(sum, BigInt(x)), coefficient);
  return sum;
}

/** Lagrange's coefficient of index `i` at 0, for distinct indices above zero. */
export function lagrangeAtZero(indices: readonly number[], i: number): bigint {
  let [top, bottom] = [1n, 1n];
  for (const j of indices)
    if (j !== i) {
      top = Scalars.mul(top, BigInt(j));
      bottom = Scalars.mul(bottom, Scalars.create(BigInt(j - i)));
    }
  return Scalars.div(top, bottom);
}

/** Their encodings behind each other. */
export const joinPoints = (points: readonly Point[]): Uint8Array => concatBytes(...points.map((one) => one.toBytes()));
