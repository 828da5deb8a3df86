// SPDX-License-Identifier: MIT
import { toHex, type Hex } from "../bytes.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { hasCode } from "../errors.ts";
import { keccak256 } from "../keccak.ts";
import { WORD_BYTES } from "../poseidon.ts";
import { ZERO_BYTES32 } from "../types.ts";
import { ZkError } from "./errors.ts";
import {
  CURVE_G2,
  G1_BYTES,
  G2_BYTES,
  g1Failure,
  g1FormFailure,
  g2Failure,
  g2FormFailure,
  pointOfG2,
  readG1,
  readG2,
  wordsOfG1,
  wordsOfG2,
  writeWords,
  type G1Point,
  type G2Point,
} from "./points.ts";

/** Made from published randomness: anyone can forge. */
export const KEY_DEVELOPMENT = 1;
/** Made by a ceremony: sound if one contributor to every delta was honest. */
export const KEY_CEREMONY = 2;
export type KeyClass = 1 | 2;

export const BACKEND_ONE_ROUND = 1;
export const BACKEND_TWO_ROUND = 2;
export const BACKEND_WEIGHTS = 3;
export type Backend = 1 | 2 | 3;

export const DIRECTION_IN = 0;
export const DIRECTION_OUT = 1;

/** The bytes of a PUBLIC boundary are calldata: above this a SALTED one with a published salt is cheaper. */
export const MAX_PUBLIC_BYTES = 8 * 1024;
const MAX_BOUNDARIES = 9;
const BOUNDARY_BYTES = 38;
const VERSION = 1;

export interface KeyBoundary {
  readonly direction: 0 | 1;
  /** KIND_PUBLIC or KIND_SALTED. */
  readonly kind: 0 | 1;
  /** Of the tensor's data, without its header. */
  readonly dataLength: number;
  /** keccak256 of everything before the data: version, dtype, rank, dimensions. */
  readonly headerHash: Hex;
}

/** What a verifier needs to know of a circuit. γ is 1: the public part is paired with the generator. */
export interface KeyRecord {
  readonly cls: KeyClass;
  readonly backend: Backend;
  /** Inputs in manifest order, then the output. */
  readonly boundaries: readonly KeyBoundary[];
  /** keccak256 of the .r1cs file. */
  readonly circuitHash: Hex;
  /** Of the ceremony; 0 for development keys. */
  readonly transcriptHash: Hex;
  readonly alpha: G1Point;
  readonly beta: G2Point;
  /** Of round 1; not in the one-round backend. */
  readonly delta1?: G2Point;
  readonly delta2: G2Point;
  /** Of the weights group; BACKEND_WEIGHTS only. */
  readonly deltaWeights?: G2Point;
  /** Of 1, v, c, ρ; one-round: of 1, the context and every word. */
  readonly ic: readonly G1Point[];
}

const bad = (reason: string) => new ZkError("KEY_MALFORMED", { reason });

/** Field elements that a boundary adds to the statement: its digest, or its data in words. */
export const boundaryWordCount = ({ kind, dataLength }: KeyBoundary): number =>
  kind === 1 ? 1 : Math.ceil(dataLength / WORD_BYTES);

/** Points IC of a record. */
export const icCount = (backend: Backend, boundaries: readonly KeyBoundary[]): number =>
  backend === BACKEND_ONE_ROUND ? boundaries.reduce((sum, boundary) => sum + boundaryWordCount(boundary), 2) : 4;

function boundariesFailure(boundaries: readonly KeyBoundary[]): string | undefined {
  if (boundaries.length < 2 || boundaries.length > MAX_BOUNDARIES)
    return `${boundaries.length} boundaries, not 2 to ${MAX_BOUNDARIES}`;
  for (const [i, { direction, kind, dataLength, headerHash }] of boundaries.entries()) {
    if (direction !== (i === boundaries.length - 1 ? DIRECTION_OUT : DIRECTION_IN))
      return `boundary ${i} has direction ${direction}: inputs come first, then one output`;
    if (kind !== 0 && kind !== 1) return `boundary ${i} is neither PUBLIC nor SALTED`;
    const limit = kind === 0 ? MAX_PUBLIC_BYTES : 0xffffffff;
    if (dataLength < 1 || dataLength > limit) return `boundary ${i} has ${dataLength} bytes, not 1 to ${limit}`;
    if (headerHash === ZERO_BYTES32) return `boundary ${i} has no header hash`;
  }
  return undefined;
}

/** A key's points with their names in findings. */
export interface KeyPoints {
  readonly g1: readonly (readonly [name: string, point: G1Point])[];
  readonly g2: readonly (readonly [name: string, point: G2Point])[];
}

export function pointsOfRecord({ alpha, beta, delta1, delta2, deltaWeights, ic }: KeyRecord): KeyPoints {
  const deltas = Object.entries({ delta1, delta2, deltaWeights });
  return {
    g1: [["alpha", alpha], ...ic.map((point, i) => [`IC ${i}`, point] as const)],
    g2: [["beta", beta], ...deltas.flatMap(([name, point]) => (point === undefined ? [] : [[name, point] as const]))],
  };
}

type PointFailure<P> = (point: P, name: string) => string | undefined;

function pointsFailure(
  record: KeyRecord,
  ofG1: PointFailure<G1Point>,
  ofG2: PointFailure<G2Point>,
): string | undefined {
  const { g1, g2 } = pointsOfRecord(record);
  const failures = [
    ...g1.map(
      ([name, point]) =>
        () =>
          ofG1(point, name),
    ),
    ...g2.map(
      ([name, point]) =>
        () =>
          ofG2(point, name),
    ),
  ];
  for (const test of failures) {
    const failure = test();
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Everything but whether the points are in their groups. */
function formFailure(record: KeyRecord): string | undefined {
  const { cls, backend, boundaries, circuitHash, transcriptHash, delta1, deltaWeights, ic } = record;
  if (cls !== KEY_DEVELOPMENT && cls !== KEY_CEREMONY) return `unknown class ${String(cls)}`;
  if (backend < BACKEND_ONE_ROUND || backend > BACKEND_WEIGHTS) return `unknown backend ${backend}`;
  const failure = boundariesFailure(boundaries);
  if (failure !== undefined) return failure;
  if (circuitHash === ZERO_BYTES32) return "no circuit hash";
  if (cls === KEY_CEREMONY && transcriptHash === ZERO_BYTES32) return "a ceremony's key without a transcript";
  if ((delta1 === undefined) !== (backend === BACKEND_ONE_ROUND)) return `backend ${backend} and delta1 do not fit`;
  if ((deltaWeights === undefined) !== (backend !== BACKEND_WEIGHTS))
    return `backend ${backend} and deltaWeights do not fit`;
  const wanted = icCount(backend, boundaries);
  if (ic.length !== wanted) return `${ic.length} points IC instead of ${wanted}`;
  return pointsFailure(record, g1FormFailure, g2FormFailure);
}

const groupFailure = (record: KeyRecord): string | undefined => pointsFailure(record, g1Failure, g2Failure);

/** The one encoding of a record. Errors: KEY_MALFORMED for what the decoder would refuse, HEX_INVALID. */
export function encodeKeyRecord(record: KeyRecord): Uint8Array {
  const failure = formFailure(record) ?? groupFailure(record);
  if (failure !== undefined) throw bad(failure);
  const writer = new ByteWriter().u8(VERSION).u8(record.cls).u8(record.backend).u8(record.boundaries.length);
  for (const { direction, kind, dataLength, headerHash } of record.boundaries)
    writer.u8(direction).u8(kind).u32be(dataLength).fixed(headerHash, 32, "A header hash");
  writer.fixed(record.circuitHash, 32, "The circuit hash").fixed(record.transcriptHash, 32, "The transcript hash");
  writeWords(writer, wordsOfG1(record.alpha));
  for (const point of [record.beta, record.delta1, record.delta2, record.deltaWeights])
    if (point !== undefined) writeWords(writer, wordsOfG2(point));
  for (const point of record.ic) writeWords(writer, wordsOfG1(point));
  return writer.finish();
}

function readRecord(reader: ByteReader): KeyRecord {
  const version = reader.u8();
  if (version !== VERSION) throw bad(`unknown version ${version}`);
  const cls = reader.u8() as KeyClass;
  const backend = reader.u8() as Backend;
  const count = reader.count(reader.u8(), MAX_BOUNDARIES, BOUNDARY_BYTES);
  const boundaries = Array.from({ length: count }, (): KeyBoundary => {
    const [direction, kind] = [reader.u8() as 0 | 1, reader.u8() as 0 | 1];
    return { direction, kind, dataLength: reader.u32be(), headerHash: reader.hex(32) };
  });
  const failure = boundariesFailure(boundaries);
  if (failure !== undefined) throw bad(failure);
  const [circuitHash, transcriptHash] = [reader.hex(32), reader.hex(32)];
  const g2 = (): G2Point => readG2(reader.raw(G2_BYTES));
  const alpha = readG1(reader.raw(G1_BYTES));
  const beta = g2();
  const delta1 = backend === BACKEND_ONE_ROUND ? {} : { delta1: g2() };
  const delta2 = g2();
  const deltaWeights = backend === BACKEND_WEIGHTS ? { deltaWeights: g2() } : {};
  const n = reader.count(icCount(backend, boundaries), 0xffff, G1_BYTES);
  const ic = Array.from({ length: n }, () => readG1(reader.raw(G1_BYTES)));
  reader.end();
  return {
    cls,
    backend,
    boundaries,
    circuitHash,
    transcriptHash,
    alpha,
    beta,
    ...delta1,
    delta2,
    ...deltaWeights,
    ic,
  };
}

/**
 * Reads a record from anyone: exact length, known version, class and backend, inputs before one output, coordinates below q, nothing at
 * infinity. Whether points are in their groups is left to the caller. Error: KEY_MALFORMED.
 */
export function readKeyRecord(bytes: Uint8Array): KeyRecord {
  let record: KeyRecord;
  try {
    record = readRecord(new ByteReader(bytes, "The key record"));
  } catch (cause) {
    if (hasCode(cause, "BYTES_TRUNCATED") || hasCode(cause, "BYTES_TRAILING") || hasCode(cause, "TOO_LARGE"))
      throw new ZkError("KEY_MALFORMED", { reason: cause.message }, { cause });
    throw cause;
  }
  const failure = formFailure(record);
  if (failure !== undefined) throw bad(failure);
  return record;
}

/** The same with every point on its curve and in its group. Error: KEY_MALFORMED. `checkKeyRecord` says whether the setup is sound. */
export function decodeKeyRecord(bytes: Uint8Array): KeyRecord {
  const record = readKeyRecord(bytes);
  const failure = groupFailure(record);
  if (failure !== undefined) throw bad(failure);
  return record;
}

/** keccak256 of the record's bytes. */
export const keyIdOf = (record: KeyRecord | Uint8Array): Hex =>
  toHex(keccak256(record instanceof Uint8Array ? record : encodeKeyRecord(record)));

/**
 * The setups that were skipped: with γ = δ (both the generator), or two deltas that are equal up to their sign, one part of a proof
 * stands in for another and anything can be proved. β is kept apart as well. Error: KEY_DEGENERATE.
 */
export function checkKeyRecord({ beta, delta1, delta2, deltaWeights }: KeyRecord): void {
  const points = { "the generator": pointOfG2(CURVE_G2.BASE), beta, delta1, delta2, deltaWeights };
  // P and -P share their x: one comparison for both.
  const seen = new Map<string, string>();
  for (const [name, point] of Object.entries(points)) {
    if (point === undefined) continue;
    const twin = seen.get(point.x.join());
    if (twin !== undefined) throw new ZkError("KEY_DEGENERATE", { reason: `${name} is ${twin} up to its sign` });
    seen.set(point.x.join(), name);
  }
}
