// SPDX-License-Identifier: MIT
import type { AdvertWork } from "./advert.ts";
import { CIPHER, OPTIMISTIC, PROOF } from "./types.ts";

/** Measured times of one stage under one kind of work. */
export interface StageTime {
  readonly stage: number;
  readonly work: AdvertWork;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface QuotedJob {
  readonly stages: number;
  readonly mask: number;
  readonly window: number;
  /** Of a batch; 1 for a single input. */
  readonly inputs: number;
  /** Measured on the chain. */
  readonly blockSec: number;
  /** Stages that run or wait at a worker for each that may run at once. */
  readonly load: number;
}

/** Seconds from the request. Null where nobody has measured what decides it. */
export interface QuotedTime {
  readonly answerSec: number | null;
  readonly finalSec: number | null;
  /** The workers' part: the rest is blocks and the window. */
  readonly workSec: number | null;
}

/** Blocks until a vote is in: the request, two until the seats are known, the submission. A sampled answer is bound in one and opened in another. */
const BLOCKS = { plain: 4, sampled: 6 } as const;

/**
 * When a job's answer can be expected, by what workers advertise: stages run one after the other, proofs of all stages side by side, and
 * what waits at a worker goes first. Pure.
 */
export function quoteTime(job: QuotedJob, times: readonly StageTime[]): QuotedTime {
  const isSampled = (job.mask & OPTIMISTIC) !== 0;
  const find = (work: AdvertWork, stage: number) =>
    times.find((one) => one.work === work && one.stage === stage)?.p50Us;
  const each = Array.from({ length: job.stages }, (_, stage) => stage);
  const runs = each.map((stage) => find((job.mask & CIPHER) === 0 ? "run" : "cipher", stage));
  const proofs = (job.mask & PROOF) === 0 ? [0] : each.map((stage) => find("proof", stage));
  if (runs.includes(undefined) || proofs.includes(undefined)) return { answerSec: null, finalSec: null, workSec: null };
  const sum = runs.reduce<number>((total, us) => total + (us ?? 0), 0) * job.inputs;
  const workSec = ((sum + Math.max(...proofs.map((us) => us ?? 0))) * (1 + job.load)) / 1e6;
  const answerSec = (isSampled ? BLOCKS.sampled : BLOCKS.plain) * job.blockSec + workSec;
  // What ends a window is one transaction more.
  const finalSec = answerSec + (job.window === 0 ? 0 : job.window + job.blockSec);
  return { answerSec, finalSec, workSec };
}
