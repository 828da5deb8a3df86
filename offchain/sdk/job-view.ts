// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import type { Job } from "../core/types.ts";

export type JobState = "NONE" | "OPEN" | "PROPOSED" | "HUNG" | "WINDOW" | "FINAL" | "CLOSED";

export interface JobSlash {
  readonly workerId: number;
  /** 1 wrong, 2 unrevealed, 3 absent, 4 equivocation, 5 beacon. */
  readonly offence: number;
  /** Base units taken, and the part of them that was burned. */
  readonly amount: bigint;
  readonly burned: bigint;
}

/** A job as the chain tells it. Times are Unix seconds, amounts token base units. */
export interface JobView {
  readonly jobId: Hex;
  readonly job: Job;
  readonly state: JobState;
  readonly stage: number;
  readonly round: number;
  readonly deadline: number;
  readonly escrow: bigint;
  readonly requestBlock: bigint;
  readonly requestHash: Hex;
  /** Committees that were pinned so far; round 0 names the seats of all stages. */
  readonly committees: readonly { readonly stage: number; readonly round: number; readonly seats: readonly number[] }[];
  readonly outDigest: Hex | null;
  readonly recordHash: Hex | null;
  readonly closedReason: string | null;
  readonly refund: bigint | null;
  readonly endHash: Hex | null;
  readonly endBlock: bigint | null;
  readonly slashes: readonly JobSlash[];
}
