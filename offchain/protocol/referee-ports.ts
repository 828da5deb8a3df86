// SPDX-License-Identifier: GPL-3.0-or-later
import type { CipherStage, TraceCommitment } from "../core/she/cipher-stage.ts";
import type { StepProof } from "../core/she/judge-step.ts";
import type { Job, Record as JobRecord, StageInfo } from "../core/types.ts";
import type { CourtRuling, Hex, JobCall, SlotView } from "./ports.ts";

// --- The referee of ciphertexts on the chain ----------------------------------------------------------------------------

/** Whoever stands for a digest, as the referee keeps it. */
export interface DefenceView {
  readonly id: bigint;
  readonly party: Hex;
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  readonly traceRoot: Hex;
  readonly defeated: boolean;
  /** Games against it that run. */
  readonly running: number;
  /** Left in the referee, wei; 0 once it was lost or released. */
  readonly bond: bigint;
  /** Deep enough in the chain that its number will not become another's. */
  readonly isSettled: boolean;
}

export type GamePhase = "tree" | "row" | "chunk" | "step";

/** Where a game is. */
export interface GamePlace {
  readonly phase: GamePhase;
  /** Levels of the trace still to descend. */
  readonly levels: number;
  /** The path so far, then the row. */
  readonly row: number;
  /** The chunk's first coordinate, then the residue's. */
  readonly coordinate: number;
}

export interface GameStatus {
  readonly id: bigint;
  readonly defence: bigint;
  readonly challenger: Hex;
  /** Null: over. */
  readonly place: GamePlace | null;
  readonly defenderMoves: boolean;
  /** Of the mover, chain seconds. */
  readonly deadline: number;
  /** The challenger's, wei. */
  readonly bond: bigint;
}

/** One stage's dispute, read from the chain alone, at one time. */
export interface DisputeView {
  readonly slot: SlotView;
  readonly record: JobRecord;
  /** The stage's accepted input; null while there is none. */
  readonly inDigest: Hex | null;
  /** Of the stage, about that input or one that was accepted before. */
  readonly defences: readonly DefenceView[];
  readonly games: readonly GameStatus[];
  /** About that input, once the window is over; null: none. */
  readonly verdict: { readonly outDigest: Hex; readonly winner: Hex | null } | null;
}

/** Seconds, of a parameter set. Sets never change. */
export interface RefereeTerms {
  readonly minWindow: number;
  readonly hung: number;
  readonly moveTime: number;
}

/** What the account has to play with, wei. */
export interface PurseView {
  readonly tokens: bigint;
  /** Tokens that the referee may take. */
  readonly allowance: bigint;
  /** The chain's own coin. */
  readonly gasMoney: bigint;
  /** What a unit of gas may cost now. */
  readonly gasPrice: bigint;
  /** What the referee pays out when asked. */
  readonly owed: bigint;
}

export type Posted = readonly Hex[] | Uint8Array;

export type DefenderMove =
  | { readonly kind: "post"; readonly nodes: readonly Hex[] }
  | { readonly kind: "postChunk"; readonly chunk: Uint8Array }
  | { readonly kind: "proveStep"; readonly proof: StepProof };

export type ChallengerMove =
  | { readonly kind: "pick"; readonly index: number; readonly node: Hex; readonly path: readonly Hex[] }
  | { readonly kind: "pickResidue"; readonly index: number };

/** The deployment's referee, as one account plays before it. Errors: RPC_UNAVAILABLE, REVERTED; of writes also TRANSACTION_*. */
export interface RefereePort {
  /** Lower case. */
  readonly party: Hex;
  now(): number;
  /** A job by its id; null if nobody requested it. */
  job(jobId: Hex): Promise<Job | null>;
  stageTable(modelId: Hex): Promise<readonly StageInfo[]>;
  terms(paramsVersion: number): Promise<RefereeTerms>;
  /** Null where the deployment has no referee, or the chain's record is not to be had yet. */
  view(jobId: Hex, job: Job, table: readonly StageInfo[], stage: number): Promise<DisputeView | null>;
  /** What the defender showed last; null before its first post. */
  posted(jobId: Hex, game: bigint): Promise<Posted | null>;
  purse(): Promise<PurseView>;
  /** Lets the referee take so much, no more. */
  approve(amount: bigint): Promise<void>;
  defend(
    call: JobCall & {
      table: readonly StageInfo[];
      stage: number;
      facts: CipherStage;
      commitment: TraceCommitment;
    },
  ): Promise<void>;
  challenge(call: JobCall & { defence: bigint }): Promise<void>;
  move(
    jobId: Hex,
    game: bigint,
    move: DefenderMove | ChallengerMove,
    facts: { readonly stage: CipherStage; readonly inDigest: Hex; readonly keySetRoot: Hex },
  ): Promise<void>;
  timeout(jobId: Hex, game: bigint): Promise<void>;
  crown(jobId: Hex, defence: bigint): Promise<void>;
  release(jobId: Hex, defence: bigint): Promise<void>;
  reclaim(jobId: Hex, game: bigint): Promise<void>;
  withdraw(): Promise<void>;
  court(call: JobCall & { table: readonly StageInfo[]; stage: number; ruling: CourtRuling }): Promise<void>;
}

// --- Own evaluations ----------------------------------------------------------------------------------------------------

/** A stage of a job evaluated row by row, and what it makes of a game. Errors of moves: STEP_REFUSED, WORKER_FAILED. */
export interface OpenTrace {
  readonly facts: CipherStage;
  readonly commitment: TraceCommitment;
  defenderMove(place: GamePlace): Promise<DefenderMove>;
  /** Error: STEP_REFUSED if nothing that was posted differs from this trace. */
  challengerMove(place: GamePlace, posted: Posted): Promise<ChallengerMove>;
  close(): Promise<void>;
}

export interface TracePort {
  /**
   * Evaluates a stage again, on a thread; null where this node lacks the model, the input or the keys. Everything is checked against
   * what the chain names. Errors: the engine's, typed.
   */
  open(query: {
    readonly jobId: Hex;
    readonly job: Job;
    readonly stage: number;
    readonly inDigest: Hex;
    readonly signal: AbortSignal;
  }): Promise<OpenTrace | null>;
}

// --- For a worker's other parts -----------------------------------------------------------------------------------------

/** Disputes about ciphertexts, as a seat's session sees them. */
export interface DisputePort {
  /** This party evaluated a stage over ciphertexts so, and stands for it. Repeating changes nothing; what was said first stands. */
  stand(jobId: Hex, job: Job, stage: number, vote: Hex): void;
  /** The referee will decide: no larger committee need be asked. */
  leads(jobId: Hex, stage: number): boolean;
  /** Games run, or their verdict has to be brought: the job cannot end yet. */
  isOpen(jobId: Hex): boolean;
}
