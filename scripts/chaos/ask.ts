// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../../offchain/core/errors.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { Prng } from "../../test/support/prng.ts";
import { expectedDigest, type PlannedJob } from "../demo/plan-jobs.ts";

/** How a job ended for its requester. `wrong`: it is FINAL with another digest than the integer program's. */
export interface Asked {
  readonly model: string;
  readonly preset: "general-vote" | "critical-proof";
  readonly end: "right" | "wrong" | "closed" | "unknown";
  readonly detail: string;
  readonly seconds: number;
}

export interface AskOptions {
  readonly wallet: AssayWallet;
  readonly jobs: readonly [PlannedJob, ...PlannedJob[]];
  readonly random: Prng;
  readonly send: <T>(action: () => Promise<T>) => Promise<T>;
  /** No new jobs from then on; those under way go to their end. */
  readonly calm: AbortSignal;
  readonly signal: AbortSignal;
  readonly done: (asked: Asked) => void;
}

/** Longer than any outage of this run, so that whoever is honest can be in time. Seconds. */
const DEADLINES = { tWork: 45, tReveal: 40 } as const;
/** Every third answer is proven. Votes have five seats: two liars among sixteen workers are no quorum of them. */
const PROVEN_ONE_IN = 3;

/** Asks one thing after the other. */
export async function keepAsking(options: AskOptions): Promise<void> {
  const { random, jobs, calm, signal, done } = options;
  while (!calm.aborted && !signal.aborted) {
    const job = random.pick(jobs);
    const preset = random.chance(1 / PROVEN_ONE_IN) ? "critical-proof" : "general-vote";
    const startMs = performance.now();
    const end = await ask(job, preset, options);
    if (end.end === "unknown") await sleep(1_000); // whatever it is, it is no faster the next time
    done({ model: job.model, preset, ...end, seconds: Math.round((performance.now() - startMs) / 100) / 10 });
  }
}

async function ask(
  job: PlannedJob,
  preset: Asked["preset"],
  { wallet, send, signal }: AskOptions,
): Promise<Pick<Asked, "end" | "detail">> {
  try {
    const { secret, view } = await wallet.requestInferenceSync({
      manifest: job.manifest,
      input: job.input,
      preset,
      policy: preset === "general-vote" ? { ...DEADLINES, k: 5 } : { tWork: 120 },
      pollMs: 500,
      send,
      signal,
    });
    const isRight = view.outDigest === expectedDigest(job, secret);
    return { end: isRight ? "right" : "wrong", detail: view.jobId };
  } catch (error) {
    return {
      end: hasCode(error, "JOB_CLOSED") ? "closed" : "unknown",
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}
