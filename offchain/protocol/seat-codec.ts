// SPDX-License-Identifier: GPL-3.0-or-later
import type { BoundaryIndex } from "../core/boundary-index.ts";
import { fromUtf8, utf8 } from "../core/bytes.ts";
import type { Job, Record as JobRecord } from "../core/types.ts";
import type { KeptStage } from "./cipher-keep.ts";
import type { PartyState } from "./dispute-machine.ts";
import { ProtocolError } from "./errors.ts";
import type { EnclaveOrder, EnclaveProof } from "./ports.ts";
import type { SeatState } from "./seat-machine.ts";

export interface KnownOffer {
  readonly sender: `0x${string}`;
  readonly boundary: number;
  readonly blob: `0x${string}`;
  readonly bytes: number;
  /** What its holder serves it for. Missing in rows of earlier versions, which waited for parts to be put. */
  readonly grant?: `0x${string}`;
}

/** A boundary that a holder announced: enough to ask it for the rest after a restart. */
export interface KnownFeed {
  readonly sender: `0x${string}`;
  readonly index: BoundaryIndex;
}

/** One stage's proof as this worker holds it: own, or sent by a fellow prover. */
export interface HeldProof {
  readonly stage: number;
  /** Signer that it names. */
  readonly worker: `0x${string}`;
  readonly outDigest: `0x${string}`;
  readonly evidence: `0x${string}`;
}

/** The answer that a candidate of an OPTIMISTIC job is bound to, or about to be: it says this and nothing else. */
export interface JobProposal {
  readonly outDigest: `0x${string}`;
  readonly payload: `0x${string}`;
  readonly salt: `0x${string}`;
  readonly inDigest: `0x${string}`;
  readonly commitment: `0x${string}`;
  /** ENCLAVE evidence, where the job asks for it. */
  readonly evidence?: `0x${string}`;
}

/** All sketches of a committee, in seat order, and the seed of its sketches B. */
export interface RoundSketches {
  readonly a: readonly `0x${string}`[];
  readonly b: readonly `0x${string}`[];
  readonly seedB: `0x${string}`;
}

export interface ShownSketch {
  readonly outDigest: `0x${string}`;
  readonly a: `0x${string}`;
  readonly b: `0x${string}`;
  readonly salt: `0x${string}`;
}

/** What the journal keeps of a job: its calldata, its record so far, and the slow path's commitments. */
export interface JobMemory {
  readonly job: Job;
  readonly record: JobRecord;
  /** Commitments posted by `commitMany`, ascending seats, by "stage/round". */
  readonly batches: Readonly<Record<string, readonly `0x${string}`[]>>;
  /** Commitments that seats posted themselves, by "stage/round" and seat. */
  readonly posted: Readonly<Record<string, Readonly<Record<number, `0x${string}`>>>>;
  /** Sealed blobs offered to this worker, so that a restart opens them again. */
  readonly offers: readonly KnownOffer[];
  /** Boundaries announced to this worker. */
  readonly feeds?: readonly KnownFeed[];
  /** Root of the own output, sealed to the requester's result key. */
  readonly result: `0x${string}` | null;
  /** Of critical jobs: the newest order that this worker's enclave opened. */
  readonly order?: EnclaveOrder;
  /** Of critical jobs: what the own enclave proved, a stage each. Its keys may be gone, so none is made twice, and none lost. */
  readonly enclaveProofs?: readonly (EnclaveProof & { readonly stage: number })[];
  /** Proofs held, of PROOF jobs: own ones first of all must survive a restart. Of critical jobs what enclaves signed, also of others. */
  readonly proofs?: readonly HeldProof[];
  /** Of OPTIMISTIC jobs: the candidates, and this worker's own answer. */
  readonly candidates?: readonly number[];
  readonly proposal?: JobProposal;
  /** Of class T jobs: what the hub told of each stage's first committee. */
  readonly sketched?: Readonly<Record<number, RoundSketches>>;
  /** Of class T jobs: openings that seats stored themselves, by "stage/round" and seat. */
  readonly shown?: Readonly<Record<string, Readonly<Record<number, ShownSketch>>>>;
  /** Of jobs over ciphertexts: what this worker's seat evaluated, as long as it may have to stand for it. */
  readonly cipher?: KeptStage;
  /** Own place, once the draw is known; null: none in any round so far. */
  readonly place: { readonly stage: number; readonly round: number; readonly own: number } | null;
}

const write = (value: unknown): Uint8Array =>
  utf8(JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? { $big: String(item) } : item)));

function read(bytes: Uint8Array): unknown {
  return JSON.parse(fromUtf8(bytes, "A journal row"), (_, item: unknown) => {
    if (typeof item !== "object" || item === null || !("$big" in item)) return item;
    return BigInt(String(item.$big));
  });
}

/**
 * Journal rows are this program's own bytes, authenticated by the store's cipher: the shape check only catches rows of another version.
 */
export const encodeSeat = (state: SeatState): Uint8Array => write({ version: VERSIONS.state, state });
export const encodeMemory = (memory: JobMemory): Uint8Array => write({ version: VERSIONS.memory, memory });
export const encodeParty = (party: PartyState): Uint8Array => write({ version: VERSIONS.party, party });

/** State 2: with sketches. */
const VERSIONS = { state: 2, memory: 1, party: 1 } as const;

function open(bytes: Uint8Array, field: keyof typeof VERSIONS): object {
  const row = read(bytes);
  const value: unknown = typeof row === "object" && row !== null ? Reflect.get(row, field) : undefined;
  if (typeof value !== "object" || value === null || Reflect.get(Object(row), "version") !== VERSIONS[field])
    throw new ProtocolError("MESSAGE_INVALID", {
      protocol: "journal",
      reason: `no ${field} of version ${VERSIONS[field]}`,
    });
  return value;
}

export const decodeSeat = (bytes: Uint8Array): SeatState => open(bytes, "state") as SeatState;
export const decodeMemory = (bytes: Uint8Array): JobMemory => open(bytes, "memory") as JobMemory;
export const decodeParty = (bytes: Uint8Array): PartyState => open(bytes, "party") as PartyState;
