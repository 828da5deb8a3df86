// SPDX-License-Identifier: MIT
import { assertLength, compareBytes, concatBytes, equalBytes, toHex, utf8 } from "../bytes.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { CoreError } from "../core-errors.ts";
import type { CryptoPort } from "../crypto-port.ts";
import { hpkeOpen, hpkeSeal } from "../hpke.ts";
import { openChunks, sealChunks } from "../seal.ts";
import type { Word } from "../tagged-hash.ts";
import { committeeIdBytes, shareKey, type CommitteeKey } from "./committee-key.ts";
import { MAX_MEMBERS } from "./draw-committee.ts";
import { ThresholdError } from "./errors.ts";
import { Group, hashParts, joinPoints, lagrangeAtZero, POINT_BYTES, randomScalar, readPoint, SECOND_BASE, type Point } from "./group.ts"; // prettier-ignore
import { PROOF_BYTES, proveLogs, verifyLogs } from "./proofs.ts";

// TDH2 (Shoup and Gennaro, 1998) over ristretto255, of a content key: secure against chosen ciphertexts, because members release shares
// of valid headers only, and a header is valid for its own context, committee and recipients alone.

const MAGIC = utf8("ATI1");
export const MAX_RECEIVERS = 1024;
const WHAT = "An input sealed to a committee";
/** magic, context, epoch, committee, t. */
const FIXED = 4 + 32 + 4 + 32 + 1;
export const MAX_HEADER_BYTES = FIXED + MAX_MEMBERS * POINT_BYTES + 2 + MAX_RECEIVERS * 32 + 2 * POINT_BYTES + PROOF_BYTES + 32; // prettier-ignore

/** The public part of a sealed input: all that members see. */
export interface ThresholdHeader {
  /** `sealContext` of chain, hub, job, boundary and sender. */
  readonly context: Uint8Array;
  /** Of the committee: tells hosts whom to ask. */
  readonly epoch: number;
  readonly committeeId: Word;
  /** Of the committee's key: so that whoever opens needs nobody's word for what shares are checked against. */
  readonly points: readonly Point[];
  /** X25519 seal keys of the enclaves that the client trusts with the input, ascending: shares are sealed to no others. */
  readonly receivers: readonly Uint8Array[];
  readonly u: Point;
  readonly uBar: Point;
  readonly proof: Uint8Array;
  /** sha256 of the chunks behind the header. */
  readonly bodyHash: Uint8Array;
  /** All of it, as it came. */
  readonly bytes: Uint8Array;
}

/** Whether these bytes are for a committee and not for a seat. */
export const isThresholdInput = (bytes: Uint8Array): boolean => equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);

const contentKey = (port: CryptoPort, shared: Point, head: Uint8Array): Uint8Array =>
  port.hmacSha256(utf8("assay.v1.threshold.content"), concatBytes(shared.toBytes(), port.sha256(head)));

const headerStatement = (head: Uint8Array, bodyHash: Uint8Array, u: Point, uBar: Point) => ({
  context: hashParts("header", head, bodyHash),
  bases: [Group.BASE, SECOND_BASE],
  images: [u, uBar],
});

export interface ThresholdSealOptions {
  readonly context: Uint8Array;
  readonly key: CommitteeKey;
  /** Seal keys of enclaves, 1 to 1,024 distinct ones. */
  readonly receivers: readonly Uint8Array[];
  readonly plain: Uint8Array;
}

/**
 * Seals once to a committee: "ATI1" ‖ context ‖ u32be epoch ‖ committee ‖ u8 t ‖ t × point ‖ u16be m ‖ m × receiver ‖ U ‖ Ū ‖ proof ‖ body hash ‖
 * chunks. U = r·B, and the content key comes of r times the committee's key; the proof ties r, the header and the chunks together.
 * Errors: LENGTH_WRONG, NUMBER_OUT_OF_RANGE, THRESHOLD_INVALID (a receiver twice).
 */
export function sealToCommittee(port: CryptoPort, options: ThresholdSealOptions): Uint8Array {
  const { context, key, plain } = options;
  const { points, committee } = key;
  const receivers = options.receivers.map((one) => assertLength(one, 32, "A receiver's key")).toSorted(compareBytes);
  if (receivers.length < 1 || receivers.length > MAX_RECEIVERS)
    throw new CoreError("NUMBER_OUT_OF_RANGE", { what: "Receivers", value: receivers.length, low: 1, high: MAX_RECEIVERS }); // prettier-ignore
  const r = randomScalar(port);
  const [u, uBar] = [Group.BASE.multiply(r), SECOND_BASE.multiply(r)];
  const writer = new ByteWriter().raw(MAGIC).fixed(context, 32, "The seal context").u32be(committee.epoch);
  writer
    .raw(committeeIdBytes(committee))
    .u8(points.length)
    .raw(joinPoints(points))
    .u16be(receivers.length)
    .raw(concatBytes(...receivers));
  const head = writer.raw(joinPoints([u, uBar])).finish();
  const content = contentKey(port, (points[0] ?? Group.ZERO).multiply(r), head);
  const body = sealChunks(port, content, head, plain).subarray(head.length);
  content.fill(0);
  const bodyHash = port.sha256(body);
  const proof = proveLogs(port, headerStatement(head, bodyHash, u, uBar), r);
  const blob = concatBytes(head, proof, bodyHash, body);
  readThresholdHeader(blob); // one set of rules for both directions
  return blob;
}

/**
 * Reads and judges the header of an input; what follows it may be missing. Errors: THRESHOLD_INVALID for points that are not canonical, the
 * identity, or a proof that does not hold; NOT_CANONICAL, BYTES_TRUNCATED, TOO_LARGE.
 */
export function readThresholdHeader(bytes: Uint8Array): ThresholdHeader {
  const reader = new ByteReader(bytes, WHAT);
  if (!equalBytes(reader.raw(4), MAGIC)) throw reader.refuse("it does not begin with ATI1");
  const context = reader.raw(32).slice();
  const epoch = reader.u32be();
  const committeeId = reader.hex(32);
  const t = reader.count(reader.u8(), MAX_MEMBERS, POINT_BYTES);
  if (t < 2) throw reader.refuse(`${t} shares open it`);
  const points = Array.from({ length: t }, (_, k) => readPoint(reader.raw(POINT_BYTES), `Point ${k}`));
  const m = reader.count(reader.u16be(), MAX_RECEIVERS, 32);
  const receivers = Array.from({ length: m }, () => reader.raw(32).slice());
  if (m === 0) throw reader.refuse("it has no receiver");
  if (receivers.some((one, i) => i > 0 && compareBytes(receivers[i - 1] ?? one, one) >= 0))
    throw reader.refuse("its receivers do not ascend");
  const u = readPoint(reader.raw(POINT_BYTES), "U");
  const uBar = readPoint(reader.raw(POINT_BYTES), "Ū");
  const head = bytes.subarray(0, reader.offset);
  const proof = reader.raw(PROOF_BYTES).slice();
  const bodyHash = reader.raw(32).slice();
  if (!verifyLogs(headerStatement(head, bodyHash, u, uBar), proof))
    throw new ThresholdError("THRESHOLD_INVALID", { what: WHAT, why: "its proof does not hold" });
  const own = bytes.slice(0, reader.offset);
  return { context, epoch, committeeId, points, receivers, u, uBar, proof, bodyHash, bytes: own };
}

// --- Shares ---------------------------------------------------------------------------------------------------------------

/** D = x·U and the proof that x is the member's. */
export const SHARE_BYTES = POINT_BYTES + PROOF_BYTES;
/** enc, then the share under HPKE. */
export const SEALED_SHARE_BYTES = 32 + SHARE_BYTES + 16;

const shareStatement = ({ bytes, points, u }: ThresholdHeader, index: number, share: Point) => ({
  context: hashParts("share", bytes, Uint8Array.of(index)),
  bases: [Group.BASE, u],
  images: [shareKey(points, index), share],
});

/** A member's share of a header that it has judged, with its proof. */
export function makeShare(port: CryptoPort, header: ThresholdHeader, index: number, secret: bigint): Uint8Array {
  const share = header.u.multiply(secret);
  return concatBytes(share.toBytes(), proveLogs(port, shareStatement(header, index, share), secret));
}

/** The share's point, or undefined if it is not member `index`'s share of this header. */
export function checkShare(header: ThresholdHeader, index: number, bytes: Uint8Array): Point | undefined {
  if (bytes.length !== SHARE_BYTES) return undefined;
  try {
    const share = readPoint(bytes.subarray(0, POINT_BYTES), "A share");
    return verifyLogs(shareStatement(header, index, share), bytes.subarray(POINT_BYTES)) ? share : undefined;
  } catch {
    return undefined;
  }
}

const shareInfo = ({ bytes }: ThresholdHeader, index: number): Uint8Array =>
  hashParts("release", bytes, Uint8Array.of(index));

/** A share for one of the header's receivers, which its host cannot read. Errors: THRESHOLD_INVALID for others, KEY_EXCHANGE. */
export function sealShare(
  port: CryptoPort,
  header: ThresholdHeader,
  index: number,
  receiver: Uint8Array,
  share: Uint8Array,
): Uint8Array {
  if (!header.receivers.some((one) => equalBytes(one, receiver)))
    throw new ThresholdError("THRESHOLD_INVALID", {
      what: "A release",
      why: `the client does not trust ${toHex(receiver)}`,
    });
  const { enc, sealed } = hpkeSeal(port, receiver, shareInfo(header, index), new Uint8Array(), share);
  return concatBytes(enc, sealed);
}

/** What came as member `index`'s share; undefined if it does not open. */
function openShare(port: CryptoPort, header: ThresholdHeader, index: number, privateKey: Uint8Array, sealed: Uint8Array) {
  if (sealed.length !== SEALED_SHARE_BYTES) return undefined;
  try {
    const message = { enc: sealed.slice(0, 32), sealed: sealed.slice(32) };
    return hpkeOpen(port, privateKey, shareInfo(header, index), new Uint8Array(), message) ?? undefined;
  } catch {
    return undefined;
  }
} // prettier-ignore

export interface SealedShare {
  readonly index: number;
  readonly sealed: Uint8Array;
}

export interface OpenedInput {
  readonly plain: Uint8Array;
  /** Members whose shares were wrong. */
  readonly wrong: readonly number[];
}

/**
 * Opens an input inside the enclave that holds `privateKey`, of the first t good shares; each is checked before it is used, so a wrong one
 * is named and spoils nothing. Errors: SHARES_MISSING (with the wrong ones), THRESHOLD_INVALID, SEALED_TAMPERED, SEALED_CONTEXT, those of
 * `readThresholdHeader`.
 */
export function openFromCommittee(
  port: CryptoPort,
  blob: Uint8Array,
  { context, privateKey, shares }: { readonly context: Uint8Array; readonly privateKey: Uint8Array; readonly shares: readonly SealedShare[] }, // prettier-ignore
): OpenedInput {
  const header = readThresholdHeader(blob);
  if (!equalBytes(header.context, context)) throw new CoreError("SEALED_CONTEXT");
  const body = blob.subarray(header.bytes.length);
  if (!equalBytes(port.sha256(body), header.bodyHash)) throw new CoreError("SEALED_TAMPERED", { where: "the chunks" });
  const good = new Map<number, Point>();
  const wrong = new Set<number>();
  const need = header.points.length;
  for (const { index, sealed } of shares) {
    if (good.size === need) break;
    if (!Number.isInteger(index) || index < 1 || index > MAX_MEMBERS || good.has(index)) continue;
    const share = openShare(port, header, index, privateKey, sealed);
    const point = share === undefined ? undefined : checkShare(header, index, share);
    if (point === undefined) wrong.add(index);
    else good.set(index, point);
  }
  const named = [...wrong].filter((index) => !good.has(index));
  if (good.size < need)
    throw new ThresholdError("SHARES_MISSING", { have: good.size, need, wrong: named.join(", ") || "none" });
  const head = header.bytes.subarray(0, header.bytes.length - PROOF_BYTES - 32);
  const content = contentKey(port, combineShares(good), head);
  const plain = openChunks(port, content, head, body);
  content.fill(0);
  return { plain, wrong: named };
}

/** The secret times U, of checked shares by index. */
export function combineShares(shares: ReadonlyMap<number, Point>): Point {
  const indices = [...shares.keys()];
  let sum = Group.ZERO;
  for (const [index, share] of shares) sum = sum.add(share.multiply(lagrangeAtZero(indices, index)));
  return sum;
}
