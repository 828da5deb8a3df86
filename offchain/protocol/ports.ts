// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from "../core/claim.ts";
import type { CryptoPort } from "../core/crypto-port.ts";
import type { AssayError } from "../core/errors.ts";
import type { OrderedPair } from "../core/pair-order.ts";
import type { Exposure } from "../core/planning/leakage-limits.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Journal } from "../core/ports/journal.ts";
import type { KeyRing } from "../core/ports/keys.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Metrics } from "../core/ports/metrics.ts";
import type { PeerAddress, Transport } from "../core/ports/transport.ts";
import type { Tensor } from "../core/tensor.ts";
import type { StageProof as StatedProof } from "../core/zk/verify-proof.ts";
import type { DisputePort } from "./referee-ports.ts";
import type { ScheduledPort } from "./scheduled-port.ts";
import type {
  Delivery,
  Job,
  Record,
  SignedCommit,
  SketchVotes,
  Spec,
  StageInfo,
  StageProof,
  StageVotes,
} from "../core/types.ts";

export type Hex = `0x${string}`;

// --- The chain ---------------------------------------------------------------------------------------------------------

/** A job's storage, as `slot` returns it. */
export interface SlotView {
  readonly state: number;
  readonly stage: number;
  readonly round: number;
  readonly flags: number;
  readonly seedRef: number;
  readonly deadline: number;
  readonly tableVersion: number;
  readonly escrow: bigint;
  readonly word: Hex;
}

export interface BoxView {
  readonly posted: number;
  readonly batched: number;
  readonly revealed: number;
  readonly closedAt: number;
  readonly batchHash: Hex;
}

/** What a worker publishes about itself. */
export interface WorkerProfile {
  readonly workerId: number;
  readonly transportId: Hex;
  readonly sealKey: Hex;
  readonly addresses: readonly PeerAddress[];
}

export interface ModelView {
  readonly stages: number;
  /** Each stage takes its predecessor's output: calls need no stage table. */
  readonly linear: boolean;
}

/** The deployment, as this worker uses it. Reads fail with RPC_UNAVAILABLE or REVERTED; writes also with TRANSACTION_*. */
export interface ChainPort {
  readonly chainId: bigint;
  readonly hub: Hex;
  readonly domainSeparator: Hex;
  /** Chain time, seconds. */
  now(): number;
  slot(jobId: Hex): Promise<SlotView>;
  box(jobId: Hex, stage: number, round: number): Promise<BoxView>;
  /** Null while the seed's block is not mined. */
  seed(seedRef: number): Promise<Hex | null>;
  draw(query: {
    readonly version: number;
    readonly ticketClass: number;
    readonly seed: Hex;
    readonly excluded: readonly number[];
    readonly count: number;
  }): Promise<{ readonly ids: readonly number[]; readonly signers: readonly Hex[] }>;
  signers(workerIds: readonly number[]): Promise<readonly Hex[]>;
  profiles(workerIds: readonly number[]): Promise<ReadonlyMap<number, WorkerProfile>>;
  model(modelId: Hex): Promise<ModelView>;
  /** The model's stage table, from its registration event. */
  stageTable(modelId: Hex): Promise<readonly StageInfo[]>;
  /** Free balance of this worker's signer at the hub, wei. */
  freeBalance(): Promise<bigint>;
  /** A worker published a new profile: the next read asks the chain. */
  forgetProfile(workerId: number): void;

  submit(call: JobCall & { table: readonly StageInfo[]; votes: readonly StageVotes[]; output: Hex }): Promise<void>;
  commit(call: JobCall & { seat: number; commitment: Hex }): Promise<void>;
  commitMany(call: JobCall & { commits: readonly SignedCommit[] }): Promise<void>;
  reveal(
    call: JobCall & {
      table: readonly StageInfo[];
      seat: number;
      outDigest: Hex;
      payload: Hex;
      salt: Hex;
      batch: readonly Hex[];
    },
  ): Promise<void>;
  tally(
    call: JobCall & {
      table: readonly StageInfo[];
      votes: StageVotes;
      batch: readonly Hex[];
      output: Hex;
    },
  ): Promise<void>;
  /** Class T: like `submit` of one stage, `reveal` and `tally`. */
  submitSketches(
    call: JobCall & { table: readonly StageInfo[]; votes: SketchVotes; delivery: Delivery },
  ): Promise<void>;
  revealSketch(
    call: JobCall & { table: readonly StageInfo[]; seat: number; vote: SketchVotes; batch: readonly Hex[] },
  ): Promise<void>;
  tallySketches(
    call: JobCall & {
      table: readonly StageInfo[];
      votes: SketchVotes;
      delivery: Delivery;
      batch: readonly Hex[];
    },
  ): Promise<void>;
  /** A verifying key's record; null where nobody added it. Keys never change. */
  key(keyId: Hex): Promise<Hex | null>;
  /** OPTIMISTIC jobs: binds this worker to an answer; opens it; seats the auditors where the lottery fell on it. */
  propose(call: JobCall & { commitment: Hex }): Promise<void>;
  open(
    call: JobCall & { table: readonly StageInfo[]; outDigest: Hex; payload: Hex; salt: Hex; evidence: Hex },
  ): Promise<void>;
  drawAudit(call: JobCall): Promise<void>;
  submitProofs(
    call: JobCall & { table: readonly StageInfo[]; proofs: readonly StageProof[]; output: Hex },
  ): Promise<void>;
  court(call: JobCall & { table: readonly StageInfo[]; stage: number; ruling: CourtRuling }): Promise<void>;
  /** The same of a job that is FINAL: its result stands, its liars pay. */
  lateCourt(call: JobCall & { table: readonly StageInfo[]; stage: number; ruling: CourtRuling }): Promise<void>;
  /** Seconds after the end for which a parameter set's jobs may be judged late. Sets never change. */
  lateCourtSec(paramsVersion: number): Promise<number>;
  expire(call: JobCall): Promise<void>;
  promote(call: JobCall): Promise<void>;
  challenge(call: JobCall & { stage: number }): Promise<void>;
  settle(call: JobCall & { output: Hex }): Promise<void>;
  /** Two signed Commits; `b` null: one beside the commitment that the chain holds. */
  proveEquivocation(call: {
    workerId: number;
    jobId: Hex;
    stage: number;
    round: number;
    a: EquivocationSide;
    b: EquivocationSide | null;
  }): Promise<void>;
}

export interface JobCall {
  readonly jobId: Hex;
  readonly job: Job;
  readonly record: Record;
}

/** A proof that shall overrule a vote; `outs` and `payloads` open the words said where the stage has a probe. */
export interface CourtRuling {
  readonly kind: number;
  readonly prover: Hex;
  readonly outDigest: Hex;
  readonly outs: readonly Hex[];
  readonly payloads: readonly Hex[];
  readonly evidence: Hex;
}

export interface EquivocationSide {
  readonly commitment: Hex;
  readonly signature: Hex;
}

/** What the hub said, as this worker uses it; in block order, at least once each. */
export type HubFact =
  | { readonly name: "JobRequested"; readonly jobId: Hex; readonly job: Job }
  | {
      readonly name: "Pinned";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly seats: readonly number[];
    }
  | {
      readonly name: "CommittedMany";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly commitments: readonly Hex[];
    }
  | {
      readonly name: "Committed";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly seat: number;
      readonly commitment: Hex;
    }
  | {
      readonly name: "Revealed";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly seat: number;
      readonly outDigest: Hex;
      readonly payload: Hex;
      readonly salt: Hex;
    }
  | {
      readonly name: "Sketched";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly a: readonly Hex[];
      readonly b: readonly Hex[];
      readonly seedB: Hex;
    }
  | {
      readonly name: "SketchRevealed";
      readonly jobId: Hex;
      readonly stage: number;
      readonly round: number;
      readonly seat: number;
      readonly outDigest: Hex;
      readonly a: Hex;
      readonly b: Hex;
      readonly salt: Hex;
    }
  | { readonly name: "Proposed"; readonly jobId: Hex; readonly commitment: Hex; readonly record: Record }
  | { readonly name: "Recorded"; readonly jobId: Hex; readonly record: Record }
  | { readonly name: "Moved"; readonly jobId: Hex };

// --- Engines -----------------------------------------------------------------------------------------------------------

/** A job's keys for one stage over ciphertexts. The same words as `CipherKeys` of engines/she. */
export interface StageKeys {
  /** The job's `inputRef`. */
  readonly keySetRoot: Hex;
  /** Body roots of all its keys. */
  readonly keyBodies: readonly Hex[];
  /** The stage's, in the order that it lists them. */
  readonly keys: readonly Uint8Array[];
}

/** One stage of a loaded model, ready to run. */
export interface StageRunner {
  /**
   * Runs the stage; `probe` is the inner operator's output where the model votes on one. Deterministic, bit for bit. `keys`: of a stage
   * over ciphertexts, which travel as tensors of bytes (`ciphertextTensor`).
   */
  run(
    inputs: readonly Tensor[],
    signal: AbortSignal,
    keys?: StageKeys,
  ): Promise<{ readonly output: Tensor; readonly probe: Tensor | null }>;
  /** Of a stage over ciphertexts: resolves if these are the job's keys for it. Nobody writes to them any more. Error: BYTES_REFUSED. */
  checkKeys?(keys: StageKeys): Promise<void>;
  /** Largest encoded input that can be right, bytes. */
  readonly maxInputBytes: number;
}

export interface ModelShelf {
  /**
   * Null when this worker does not host the model. Loading is lazy; errors of a damaged model surface here, typed, and STAGE_REFUSED where
   * this worker must not answer: an honest answer could be overruled by a proof that it does not believe.
   */
  stage(modelId: Hex, stage: number): Promise<StageRunner | null>;
  /** The job's stage table: the network's stages. */
  table(modelId: Hex): readonly StageInfo[] | null;
  has(modelId: Hex): boolean;
  /** Zeros in the shape of a stage's inputs, to measure it with; null where the model is not hosted. */
  sample?(modelId: Hex, stage: number): Promise<readonly Tensor[] | null>;
  /** What a model with client stages shows its network stages; empty for others. */
  exposure(modelId: Hex): Exposure;
}

/** A stage to prove: the statement, and what the prover knows. */
export interface ProofTask {
  readonly modelId: Hex;
  readonly stage: number;
  readonly claim: Claim;
  /** `domainSeparator` of chain and hub. */
  readonly domain: Hex;
  /** In manifest order. */
  readonly inputs: readonly Tensor[];
  /** One a boundary, inputs then output; undefined where it is PUBLIC. */
  readonly salts: readonly (Uint8Array | undefined)[];
  /** Unix milliseconds: the earliest goes first, and a proof that would begin later is not begun. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** This worker's prover. Errors of `prove`: those of the engine, typed, and the signal's reason. */
export interface ProofPort {
  /** Whether this worker has all that proving the stage takes. Cheap; keys may be opened later. */
  canProve(modelId: Hex, stage: number): boolean;
  /** Whether it also trusts the stage's key so far that it goes to court with it. */
  mayJudge(modelId: Hex, stage: number): boolean;
  /** Proofs under way and waiting. */
  readonly load: number;
  /** More are refused: their deadlines would pass in the queue. */
  readonly maxLoad: number;
  /** abi.encode(ProofEvidence), verified before it is returned. */
  prove(task: ProofTask): Promise<Uint8Array>;
  /** Why somebody's proof does not hold; undefined if it does. Rejects only over what the machine lacks, never over the proof. */
  judge(proof: StatedProof): Promise<AssayError | undefined>;
}

/** A sealed input for the enclave, or a public one as it is. */
export interface EnclaveInput {
  readonly boundary: number;
  /** Under whose name it was sealed. */
  readonly sender: Hex;
  readonly isPublic: boolean;
  readonly blob: Uint8Array;
}

/** What an enclave answered. An abstention has neither evidence nor result. */
export interface EnclaveAnswer {
  readonly outDigest: Hex;
  readonly payload: Hex;
  /** ENCLAVE evidence of a model of one stage (`encodeEnclaveEvidence`); `0x` if it abstains. */
  readonly evidence: Hex;
  /** The last stage's output, sealed to the job's result key by the worker's name; null if the job names none. */
  readonly sealed: Uint8Array | null;
}

/** Whom the client of a critical job ordered: for every stage the same pair, lower-case signing addresses; the second is 0 where k is 1. */
export interface EnclaveOrder {
  readonly attempt: number;
  readonly pairs: readonly OrderedPair[];
}

/** A proof that was made inside, and what the enclave signed about it under one epoch. */
export interface EnclaveProof {
  readonly outDigest: Hex;
  /** `encodeEnclaveEvidence`. */
  readonly result: Hex;
  /** Over EnclaveProof. */
  readonly r: Hex;
  readonly vs: Hex;
  /** abi.encode(ProofEvidence). */
  readonly proof: Hex;
}

/** This worker's enclave. It holds keys and sees inputs; nothing that it returns shows an input, an activation or a key. */
export interface EnclavePort {
  /** Whether it may answer now: its key is registered for the job's model, and for longer than the job may live. */
  serves(spec: Spec): boolean;
  /** Opens an input and compares it with the job's digest, inside. Errors: ENCLAVE_REFUSED, ENCLAVE_LOST. */
  open(jobId: Hex, job: Job, input: EnclaveInput): Promise<void>;
  /** Opens a critical job's order, inside: its input stays there, whom it names is told. Errors as `open`. */
  order(jobId: Hex, job: Job, input: Omit<EnclaveInput, "isPublic">): Promise<EnclaveOrder>;
  /** Computes an opened or ordered job up to this stage, and signs its result. Errors as `open`. */
  run(jobId: Hex, stage: number): Promise<EnclaveAnswer>;
  /** Whether it can prove, and signs what it proved. */
  readonly canProve: boolean;
  /** Proves a stage of an ordered job; `deadlineMs` as in `ProofTask`. Errors as `open`. */
  prove(jobId: Hex, stage: number, deadlineMs: number): Promise<EnclaveProof>;
  forget(jobId: Hex): void;
  /** Jobs whose stages several enclaves share; missing: it takes none. */
  readonly scheduled?: ScheduledPort | undefined;
}

/** Where a blob can be fetched, and by which grant. */
export interface BlobSource {
  readonly peer: PeerAddress;
  readonly grant: Hex;
}

/** Blobs of this node, verified part by part. */
export interface BlobPort {
  /** Stores a blob and lets whoever shows the grant fetch its parts; a grant may cover several. Error: QUOTA_EXCEEDED. */
  publish(bytes: Uint8Array, options: { readonly grant: Hex; readonly expiresAtMs: number }): Promise<{ root: Hex }>;
  /**
   * A blob of that size from its holders. Parts that are here already do not move again, be it after a restart or from another holder.
   * Errors: BLOB_TOO_LARGE, BLOB_INDEX_INVALID, BLOB_TAMPERED, BLOB_UNAVAILABLE, CALL_ABORTED, those of the store.
   */
  fetch(options: {
    readonly root: Hex;
    readonly bytes: number;
    readonly sources: readonly BlobSource[];
    readonly expiresAtMs: number;
    readonly signal: AbortSignal;
  }): Promise<Uint8Array>;
  /** Stores a blob for this node. Returns its root digest. Error: QUOTA_EXCEEDED. */
  keep(bytes: Uint8Array, expiresAtMs: number): Promise<Hex>;
  /** The whole blob if all its parts are here, else null. */
  read(root: Hex, maxBytes: number): Promise<Uint8Array | null>;
  /** From now on whoever shows the grant may put this blob's parts. */
  expect(root: Hex, grant: Hex, bytes: number, expiresAtMs: number): void;
  /** One pushed part. Errors: OFFER_REFUSED for an unknown grant, a part of another blob, or more bytes than offered. */
  put(request: Uint8Array): Promise<Uint8Array>;
}

/** Whose unaudited answers this worker checks without being asked: nobody's, those without a salt in the output, or all. */
export type WatchMode = "off" | "public" | "all";

// --- Behaviour: honest, except in development ---------------------------------------------------------------------------

/** What a development fault mode may bend. Production wires HONEST and refuses everything else. */
export interface SeatBehaviour {
  alterVote(vote: { outDigest: Hex; payload: Hex }): { outDigest: Hex; payload: Hex };
  readonly isSilent: boolean;
  readonly withholdsReveal: boolean;
  readonly equivocates: boolean;
  /** On duty for seeds it stays silent. */
  readonly withholdsPreimage: boolean;
  readonly sendsGarbage: boolean;
  readonly mayChallenge: boolean;
}

export const HONEST: SeatBehaviour = {
  alterVote: (vote) => vote,
  isSilent: false,
  withholdsReveal: false,
  equivocates: false,
  withholdsPreimage: false,
  sendsGarbage: false,
  mayChallenge: true,
};

// --- Everything a seat needs --------------------------------------------------------------------------------------------

export interface ProtocolModules {
  readonly chain: ChainPort;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly blobs: BlobPort;
  readonly crypto: CryptoPort;
  readonly keys: KeyRing;
  readonly models: ModelShelf;
  /** Null: this worker proves nothing. */
  readonly prover: ProofPort | null;
  /** Games about ciphertexts; missing where this worker plays none. */
  readonly disputes?: DisputePort;
  /** Null: this worker has no enclave, and no part in jobs that ask for one. */
  readonly enclave: EnclavePort | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly behaviour: () => SeatBehaviour;
  readonly watch: WatchMode;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** Named points of the journal; development crash tests stop the process here. */
  readonly checkpoint: (step: string) => void;
}
