// SPDX-License-Identifier: GPL-3.0-or-later
import type { Job, Spec } from "../core/types.ts";
import type { EnclaveInput, Hex } from "./ports.ts";

/** Which part of a job this worker's enclave has, and whose enclaves are next to it; null at the ends. */
export interface ScheduledRun {
  /** Of the newest order. */
  readonly attempt: number;
  readonly first: number;
  readonly last: number;
  readonly previous: Hex | null;
  readonly next: Hex | null;
}

export interface ScheduledResult {
  readonly stage: number;
  readonly outDigest: Hex;
  /** As `submitProofs` takes it. */
  readonly evidence: Hex;
}

/**
 * This worker's enclave where several share a program. All bytes of channels are sealed by the enclaves. Errors of all but `serves`:
 * ENCLAVE_REFUSED, whose refusal STATE says that something is not here yet; ENCLAVE_LOST.
 */
export interface ScheduledPort {
  /** Whether it may take a run now: its key is registered for the job's model, and for longer than the job may live. */
  serves(spec: Spec): boolean;
  /** Opens the client's sealed order. */
  schedule(job: Job, order: Omit<EnclaveInput, "isPublic">): Promise<ScheduledRun>;
  /** First bytes of a channel to the next run's enclave. */
  dial(jobId: Hex): Promise<Uint8Array>;
  step(
    jobId: Hex,
    at: { readonly isDialler: boolean; readonly isFirst: boolean },
    bytes: Uint8Array,
  ): Promise<{ readonly isOpen: boolean; readonly isOver: boolean; readonly bytes: Uint8Array }>;
  /** The next bytes of the run's output, for the dialled channel. */
  feed(jobId: Hex): Promise<{ readonly isLast: boolean; readonly bytes: Uint8Array }>;
  /** Runs the stages and signs them; no results if the input is not what the model takes. `sealed`: of the last run, for the client. */
  compute(jobId: Hex): Promise<{ readonly results: readonly ScheduledResult[]; readonly sealed: Uint8Array | null }>;
  forget(jobId: Hex): void;
}
