// SPDX-License-Identifier: GPL-3.0-or-later
import { bigToBytes, bytesToBig, fromUtf8, toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { domainHash, keccak256 } from "../../../core/keccak.ts";
import { FIELD_R } from "../../../core/zk/field.ts";
import {
  g1Failure,
  g2Failure,
  readG1,
  readG2,
  wordsOfG1,
  wordsOfG2,
  writeWords,
  type G1Point,
  type G2Point,
} from "../../../core/zk/points.ts";
import type { CircuitFacts, GroupTag } from "./circuit.ts";
import { G1_BYTES, G2_BYTES } from "../keys/zkey-file.ts";
import { firstBadG1 } from "./lem.ts";
import { checkName } from "./name.ts";
import { guarded } from "./read-file.ts";
import { HASH_BYTES } from "./stock-key.ts";

/** Proof of knowledge of x with δ' = x·δ: R = k·δ, s = k + e·x. */
export interface Knowledge {
  readonly r: G1Point;
  readonly s: bigint;
}

/** One delta after a step. */
export interface GroupStep {
  readonly tag: GroupTag;
  readonly deltaG1: G1Point;
  readonly deltaG2: G2Point;
  /** keccak256 of the group's points after the step. */
  readonly pointsHash: Hex;
  /** Absent in beacons, whose x anyone recomputes. */
  readonly knowledge?: Knowledge;
}

/** What every delta's part of a step has in common. */
export interface StepContext {
  /** `startHash` of the ceremony. */
  readonly start: Hex;
  /** 1 for the first. */
  readonly index: number;
  /** Hash of the step before, or `start`. */
  readonly previous: Hex;
  readonly kind: "person" | "beacon";
  readonly name: string;
  /** Beacons: SHA-256 is applied 2^iterations times. */
  readonly iterations: number;
  readonly beacon: Uint8Array;
  /** snarkjs's hash of the contribution to δ2 that was made in this step. */
  readonly stock: Uint8Array;
}

export interface StepHead extends StepContext {
  readonly groups: readonly GroupStep[];
}

/** A step with the points of each group, in the order of their wires. */
export interface StepFile {
  readonly head: StepHead;
  readonly points: readonly Uint8Array[];
}

const MAGIC = utf8("AZKC");
const VERSION = 1;
/** Limits of both tools: snarkjs keeps a beacon's length in a byte. */
export const MIN_BEACON_BYTES = 32;
export const MAX_BEACON_BYTES = 255;
export const MIN_ITERATIONS = 10;
/** Above this a beacon would take minutes to check, with nothing gained. */
export const MAX_ITERATIONS = 24;
const MAX_HEAD_BYTES = 2048;

/** Everything before the groups: what a proof of knowledge is about, besides its delta. */
export function encodeContext(step: StepContext): Uint8Array {
  const name = utf8(step.name);
  const writer = new ByteWriter()
    .raw(MAGIC)
    .u32le(VERSION)
    .fixed(step.start, 32)
    .u32le(step.index)
    .fixed(step.previous, 32)
    .u8(step.kind === "person" ? 0 : 1)
    .u8(name.length)
    .raw(name);
  if (step.kind === "beacon") writer.u8(step.iterations).u8(step.beacon.length).raw(step.beacon);
  return writer.fixed(step.stock, HASH_BYTES).finish();
}

export function encodeHead(head: StepHead): Uint8Array {
  const writer = new ByteWriter().raw(encodeContext(head)).u8(head.groups.length);
  for (const { tag, deltaG1, deltaG2, pointsHash, knowledge } of head.groups) {
    writeWords(writeWords(writer.u8(tag), wordsOfG1(deltaG1)), wordsOfG2(deltaG2)).fixed(pointsHash, 32);
    if (knowledge !== undefined) writeWords(writer, wordsOfG1(knowledge.r)).raw(bigToBytes(knowledge.s, 32));
  }
  return writer.finish();
}

/** The transcript's hash after a step; the head holds the hash before it. */
export const stepHash = (head: StepHead): Hex =>
  toHex(keccak256(domainHash("assay.v1.zk.ceremony.step"), encodeHead(head)));

export const hashPoints = (points: Uint8Array): Hex => toHex(keccak256(points));

function valid<T>(reader: ByteReader, failure: string | undefined, point: T): T {
  if (failure !== undefined) throw reader.refuse(failure);
  return point;
}

function readPoint1(reader: ByteReader, name: string): G1Point {
  const point = readG1(reader.raw(G1_BYTES));
  return valid(reader, g1Failure(point, name), point);
}

function readPoint2(reader: ByteReader, name: string): G2Point {
  const point = readG2(reader.raw(G2_BYTES));
  return valid(reader, g2Failure(point, name), point);
}

function readGroup(reader: ByteReader, tag: GroupTag, isBeacon: boolean): GroupStep {
  if (reader.u8() !== tag) throw reader.refuse("its groups are not those of the circuit, in their order");
  const deltaG1 = readPoint1(reader, "a delta");
  const deltaG2 = readPoint2(reader, "a delta");
  const pointsHash = reader.hex(32);
  if (isBeacon) return { tag, deltaG1, deltaG2, pointsHash };
  const r = readPoint1(reader, "R");
  const s = bytesToBig(reader.raw(32));
  if (s >= FIELD_R) throw reader.refuse("s is not reduced");
  return { tag, deltaG1, deltaG2, pointsHash, knowledge: { r, s } };
}

function readHead(reader: ByteReader, facts: CircuitFacts): StepHead {
  if (toHex(reader.raw(4)) !== toHex(MAGIC)) throw reader.refuse("it does not begin with its magic");
  if (reader.u32le() !== VERSION) throw reader.refuse("its version is unknown");
  const start = reader.hex(32);
  const index = reader.u32le();
  const previous = reader.hex(32);
  const kind = reader.bool() ? "beacon" : "person";
  const name = checkName(fromUtf8(reader.raw(reader.u8()), "A name"));
  let [iterations, beacon] = [0, new Uint8Array()];
  if (kind === "beacon") {
    iterations = reader.u8();
    beacon = reader.raw(reader.u8()).slice();
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS || beacon.length < MIN_BEACON_BYTES)
      throw reader.refuse("its beacon is too short, or has too few or too many iterations");
  }
  const stock = reader.raw(HASH_BYTES).slice();
  if (reader.u8() !== facts.groups.length) throw reader.refuse("it has another number of groups than the circuit");
  const groups = facts.groups.map(({ tag }) => readGroup(reader, tag, kind === "beacon"));
  return { start, index, previous, kind, name, iterations, beacon, stock, groups };
}

/** A head alone, as transcripts keep it. Error: FILE_MALFORMED. */
export function decodeHead(bytes: Uint8Array, file: string, facts: CircuitFacts): StepHead {
  return guarded(file, () => {
    const reader = new ByteReader(bytes, file);
    const head = readHead(reader, facts);
    reader.end();
    return head;
  });
}

export function encodeStep({ head, points }: StepFile): Uint8Array {
  const writer = new ByteWriter().raw(encodeHead(head));
  for (const list of points) writer.bytes(list);
  return writer.finish();
}

/** The largest file of a step that a circuit can have. */
export const maxStepBytes = (facts: CircuitFacts): number =>
  facts.groups.reduce((sum, { wires }) => sum + 4 + wires.count * G1_BYTES, MAX_HEAD_BYTES);

/**
 * Reads a step from anyone: form, reduced numbers, points on their curves and in their groups, the hashes of the point lists. What the
 * points mean is `checkStep`'s. Error: FILE_MALFORMED.
 */
export function decodeStep(bytes: Uint8Array, file: string, facts: CircuitFacts): StepFile {
  return guarded(file, () => {
    const reader = new ByteReader(bytes, file);
    const head = readHead(reader, facts);
    const points = facts.groups.map(({ wires }, i) => {
      const list = reader.bytes(wires.count * G1_BYTES);
      if (list.length !== wires.count * G1_BYTES) throw reader.refuse("a group has too few points");
      const wrong = firstBadG1(list);
      if (wrong >= 0) throw reader.refuse(`point ${wrong} is not a canonical point of the curve`);
      if (hashPoints(list) !== head.groups[i]?.pointsHash) throw reader.refuse("its points are not those it names");
      return list;
    });
    reader.end();
    return { head, points };
  });
}
