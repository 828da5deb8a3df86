// SPDX-License-Identifier: MIT
import { concatBytes, fromHex, toHex, utf8, equalBytes, type Hex } from "../bytes.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { domainSeparator, typedDigest, typeHash } from "../eip712.ts";
import { encodeAbi } from "../abi.ts";
import { isAssayError } from "../errors.ts";
import { keccak256 } from "../keccak.ts";
import { packSignature, recoverSigner, unpackSignature, type CompactSignature } from "../signature.ts";
import { committeeId, holdersOf, MAX_MEMBERS, type Committee, type DrawnCommittee } from "./draw-committee.ts";
import { ThresholdError } from "./errors.ts";
import { evaluateCommitments, joinPoints, POINT_BYTES, readPoint, type Point } from "./group.ts";

const MAGIC = utf8("ATK1");
const TYPEHASH = typeHash("ThresholdKey(bytes32 committeeId,bytes32 points)");

/** A committee's key: `points[k]` is the k-th coefficient of the sharing polynomial times the base; the first one is what inputs are sealed to. */
export interface CommitteeKey {
  readonly committee: Committee;
  readonly points: readonly Point[];
  /** Of each who takes part, ascending by index, by the claim key of its registration. */
  readonly signatures: readonly CompactSignature[];
}

/** What member `index` multiplies by: its shares are proven against it. */
export const shareKey = (points: readonly Point[], index: number): Point => evaluateCommitments(points, index);

/** EIP-712, of the committee's hub: what each member signs once its own share fits. Errors: those of `committeeId`. */
export function committeeKeyDigest(committee: Committee, points: readonly Point[]): Uint8Array {
  const words = [TYPEHASH, committeeId(committee), toHex(keccak256(joinPoints(points)))] as const;
  const struct = toHex(keccak256(encodeAbi(["bytes32", "bytes32", "bytes32"], words)));
  return typedDigest(domainSeparator(committee), struct);
}

/** "ATK1" ‖ u32be epoch ‖ u8 attempt ‖ u32be mask ‖ u8 t ‖ t × point ‖ a signature of each bit of the mask. */
export function encodeCommitteeKey({ committee, points, signatures }: CommitteeKey): Uint8Array {
  const { epoch, attempt, mask } = committee;
  const writer = new ByteWriter().raw(MAGIC).u32be(epoch).u8(attempt).u32be(mask).u8(points.length);
  return writer
    .raw(joinPoints(points))
    .raw(concatBytes(...signatures.map(packSignature)))
    .finish();
}

const bad = (why: string, cause?: unknown) => new ThresholdError("COMMITTEE_KEY", { why }, { cause });

/**
 * A key that somebody brought, for a committee that the reader drew itself: every member that takes part has signed it. Needs the chain
 * for nothing else. Error: COMMITTEE_KEY.
 */
export function readCommitteeKey(drawn: DrawnCommittee, bytes: Uint8Array): CommitteeKey {
  try {
    return decode(drawn, bytes);
  } catch (error) {
    if (!isAssayError(error) || error.code === "COMMITTEE_KEY") throw error;
    throw bad(error.message, error);
  }
}

function decode(drawn: DrawnCommittee, bytes: Uint8Array): CommitteeKey {
  const reader = new ByteReader(bytes, "A committee's key");
  if (!equalBytes(reader.raw(4), MAGIC)) throw reader.refuse("it does not begin with ATK1");
  const [epoch, attempt, mask, t] = [reader.u32be(), reader.u8(), reader.u32be(), reader.u8()];
  if (epoch !== drawn.epoch) throw bad(`it is of epoch ${epoch}, not ${drawn.epoch}`);
  if (t !== drawn.rules.t) throw bad(`${t} shares open it, not ${drawn.rules.t}`);
  const committee: Committee = { ...drawn, mask, attempt };
  const points = Array.from({ length: t }, (_, k) => readPoint(reader.raw(POINT_BYTES), `Point ${k}`));
  const digest = committeeKeyDigest(committee, points);
  const signatures = holdersOf(committee).map((index) => {
    const signature = unpackSignature(reader.raw(64));
    const key: Hex = drawn.members[index - 1]?.key ?? "0x";
    if (recoverSigner(digest, signature) !== key.toLowerCase()) throw bad(`member ${index} has not signed it`);
    return signature;
  });
  reader.end();
  // A member whose share is known to everybody is none.
  for (const index of holdersOf(committee)) readPoint(shareKey(points, index).toBytes(), `The key of member ${index}`);
  return { committee, points, signatures };
}

/** More bytes are no key. */
export const MAX_KEY_BYTES = 14 + MAX_MEMBERS * (POINT_BYTES + 64);

/** The committee's id as bytes. */
export const committeeIdBytes = (committee: Committee): Uint8Array => fromHex(committeeId(committee), 32);
