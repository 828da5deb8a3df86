// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, equalBytes, type Hex } from "../../../core/bytes.ts";
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { packSignature, recoverSigner, signDigest, unpackSignature } from "../../../core/signature.ts";
import { holdersOf, type Committee } from "../../../core/threshold/draw-committee.ts";
import { committeeIdBytes } from "../../../core/threshold/committee-key.ts";
import { ThresholdError } from "../../../core/threshold/errors.ts";
import { Group, hashParts, joinPoints, POINT_BYTES, readPoint, type Point } from "../../../core/threshold/group.ts";
import { PROOF_BYTES, verifyLogs, type Statement } from "../../../core/threshold/proofs.ts";

// What members send each other while they make a key. Everything is public, and signed by the claim key of the member's registration.

/** A scalar under ChaCha20-Poly1305. */
export const SEALED_SCALAR_BYTES = 48;

/** First round: who will deal, before anybody shows a polynomial. Nobody can choose one that depends on another's. */
export interface Commitment {
  readonly index: number;
  /** Of this attempt only: deals to the member are sealed to it. */
  readonly dealKey: Point;
  /** Hash of the polynomial's commitments. */
  readonly polynomialHash: Uint8Array;
}

/** Second round: the polynomial in the exponent, and everybody's point on it, each sealed to its holder. */
export interface Deal {
  readonly index: number;
  /** Of all commitments, as the dealer saw them. */
  readonly roundHash: Uint8Array;
  readonly points: readonly Point[];
  /** By index of the holder. */
  readonly sealed: ReadonlyMap<number, Uint8Array>;
}

/** Proof that a deal is wrong: the secret of dealer and accuser, with which everybody can open that one deal. */
export interface Complaint {
  readonly against: number;
  readonly by: number;
  readonly shared: Point;
  readonly proof: Uint8Array;
}

const invalid = (what: string, why: string) => new ThresholdError("THRESHOLD_INVALID", { what, why });

const sign = (tag: string, body: Uint8Array, claimKey: Uint8Array): Uint8Array =>
  concatBytes(body, packSignature(signDigest(keccak256(hashParts(tag, body)), claimKey)));

/** Splits a signed message and compares its signer with the member it names. Error: THRESHOLD_INVALID, SIGNATURE_INVALID. */
function open(tag: string, committee: Committee, bytes: Uint8Array, what: string): { readonly index: number; readonly reader: ByteReader } {
  if (bytes.length < 64) throw invalid(what, "it is too short");
  const body = bytes.subarray(0, -64);
  const reader = new ByteReader(body, what);
  if (!equalBytes(reader.raw(32), committeeIdBytes(committee))) throw invalid(what, "it is of another committee or attempt");
  const index = reader.u8();
  if (!holdersOf(committee).includes(index)) throw invalid(what, `member ${index} takes no part`);
  const key: Hex = committee.members[index - 1]?.key ?? "0x";
  const signer = recoverSigner(keccak256(hashParts(tag, body)), unpackSignature(bytes.subarray(-64)));
  if (signer !== key.toLowerCase()) throw invalid(what, `member ${index} has not signed it`);
  return { index, reader };
} // prettier-ignore

/** Of the proof that a member knows its deal key. */
export const dealKeyStatement = (committee: Committee, index: number, dealKey: Point): Statement => ({
  context: hashParts("deal-key", committeeIdBytes(committee), Uint8Array.of(index)),
  bases: [Group.BASE],
  images: [dealKey],
});

/** committee ‖ u8 index ‖ deal key ‖ proof that it is known ‖ polynomial hash ‖ signature. */
export function encodeCommitment(
  committee: Committee,
  { index, dealKey, polynomialHash }: Commitment,
  proof: Uint8Array,
  claimKey: Uint8Array,
): Uint8Array {
  const body = concatBytes(committeeIdBytes(committee), Uint8Array.of(index), dealKey.toBytes(), proof, polynomialHash);
  return sign("commitment", body, claimKey);
}

/** Error: THRESHOLD_INVALID, SIGNATURE_INVALID, BYTES_*. */
export function decodeCommitment(committee: Committee, bytes: Uint8Array): Commitment {
  const { index, reader } = open("commitment", committee, bytes, "A commitment");
  const dealKey = readPoint(reader.raw(POINT_BYTES), "A deal key");
  // Else a member could take another's key for its own, and its complaints would open the other's deals.
  if (!verifyLogs(dealKeyStatement(committee, index, dealKey), reader.raw(PROOF_BYTES)))
    throw invalid("A commitment", `member ${index} does not know its deal key`);
  const polynomialHash = reader.raw(64).slice();
  reader.end();
  return { index, dealKey, polynomialHash };
}

/** Decodes one of each who takes part, ascending. Error: THRESHOLD_INVALID for a missing, repeated or strange one. */
export function decodeCommitments(committee: Committee, messages: readonly Uint8Array[]): readonly Commitment[] {
  const decoded = messages.map((one) => decodeCommitment(committee, one));
  assertComplete(committee, decoded, "The commitments");
  const keys = new Set(decoded.map(({ dealKey }) => dealKey.toHex()));
  if (keys.size !== decoded.length) throw invalid("The commitments", "two members have one deal key");
  return decoded;
}

export function assertComplete(committee: Committee, list: readonly { readonly index: number }[], what: string): void {
  const holders = holdersOf(committee);
  if (list.length !== holders.length || list.some(({ index }, i) => index !== holders[i]))
    throw invalid(what, `they are not of members ${holders.join(", ")}, once each and ascending`);
}

export const roundHash = (messages: readonly Uint8Array[]): Uint8Array => hashParts("round", ...messages);
export const polynomialHash = (committee: Committee, index: number, points: readonly Point[]): Uint8Array =>
  hashParts("polynomial", committeeIdBytes(committee), Uint8Array.of(index), joinPoints(points));

/** What proves that the dealer knows the constant term: no deal is made of others' deals. */
export const dealStatement = ({ index, roundHash: round, points }: Omit<Deal, "sealed">): Statement => ({
  context: hashParts("deal", round, Uint8Array.of(index), joinPoints(points)),
  bases: [Group.BASE],
  images: [points[0] ?? Group.ZERO],
});

/** committee ‖ u8 index ‖ round hash ‖ t × point ‖ proof ‖ of each holder 48 bytes, 0 for itself ‖ signature. */
export function encodeDeal(committee: Committee, deal: Deal, proof: Uint8Array, claimKey: Uint8Array): Uint8Array {
  const writer = new ByteWriter().raw(committeeIdBytes(committee)).u8(deal.index).fixed(deal.roundHash, 64);
  writer.raw(joinPoints(deal.points)).raw(proof);
  for (const holder of holdersOf(committee)) writer.raw(deal.sealed.get(holder) ?? new Uint8Array(SEALED_SCALAR_BYTES));
  return sign("deal", writer.finish(), claimKey);
}

/** A deal as its dealer signed it. */
export interface SignedDeal {
  readonly index: number;
  readonly roundHash: Uint8Array;
  /** What is wrong with it, for everybody to see: the dealer's fault, for it signed it. */
  readonly fault: string | null;
  /** Empty if `fault`. */
  readonly points: readonly Point[];
  readonly sealed: ReadonlyMap<number, Uint8Array>;
}

/**
 * A deal that its dealer signed, and whether everybody can see that it is wrong. What the dealer has not signed is nobody's fault and
 * throws: THRESHOLD_INVALID, SIGNATURE_INVALID.
 */
export function decodeDeal(committee: Committee, commitments: readonly Commitment[], bytes: Uint8Array): SignedDeal {
  const { index, reader } = open("deal", committee, bytes, "A deal");
  const none = new Map<number, Uint8Array>();
  const fault = (text: string, round = new Uint8Array()): SignedDeal => ({ index, roundHash: round, fault: text, points: [], sealed: none }); // prettier-ignore
  const holders = holdersOf(committee);
  const { t } = committee.rules;
  if (reader.remaining !== 64 + t * POINT_BYTES + PROOF_BYTES + holders.length * SEALED_SCALAR_BYTES)
    return fault("its length");
  const round = reader.raw(64).slice();
  const points: Point[] = [];
  try {
    for (let k = 0; k < t; k += 1) points.push(readPoint(reader.raw(POINT_BYTES), `Point ${k}`));
  } catch {
    return fault("a point that is none", round);
  }
  const committed = commitments.find((one) => one.index === index)?.polynomialHash ?? new Uint8Array();
  if (!equalBytes(polynomialHash(committee, index, points), committed))
    return fault("it is not what it committed to", round);
  if (!verifyLogs(dealStatement({ index, roundHash: round, points }), reader.raw(PROOF_BYTES)))
    return fault("it does not know its constant term", round);
  const sealed = new Map(holders.map((holder) => [holder, reader.raw(SEALED_SCALAR_BYTES).slice()]));
  return { index, roundHash: round, fault: null, points, sealed };
}

/** u8 against ‖ u8 by ‖ shared ‖ proof. */
export const encodeComplaint = ({ against, by, shared, proof }: Complaint): Uint8Array =>
  concatBytes(Uint8Array.of(against, by), shared.toBytes(), proof);
export const COMPLAINT_BYTES = 2 + POINT_BYTES + PROOF_BYTES;

/** Error: THRESHOLD_INVALID, BYTES_*. */
export function decodeComplaint(bytes: Uint8Array): Complaint {
  const reader = new ByteReader(bytes, "A complaint");
  const [against, by] = [reader.u8(), reader.u8()];
  const shared = readPoint(reader.raw(POINT_BYTES), "A complaint's secret");
  const proof = reader.raw(PROOF_BYTES).slice();
  reader.end();
  return { against, by, shared, proof };
}
