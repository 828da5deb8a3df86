// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeReceipt, encodeReceipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { expectedDigest, type PlannedJob } from "./plan-jobs.ts";
import type { Presenter } from "./presenter.ts";
import type { JobOutcome } from "./summary.ts";

export interface RunJobOptions {
  readonly wallet: AssayWallet;
  readonly presenter: Presenter;
  readonly receipts: string;
  readonly signal: AbortSignal;
  /** One request at a time leaves the account, so that nonces follow each other. */
  readonly queue: <T>(action: () => Promise<T>) => Promise<T>;
  /** Seconds for a committee's commitments: generous where a busy machine must not look like an absent worker. */
  readonly tWork: number;
  readonly beforeDelivery?: (seats: readonly number[]) => Promise<void>;
}

export interface RanJob {
  readonly outcome: JobOutcome;
  readonly slashes: readonly { readonly workerId: number; readonly offence: number; amount: bigint; burned: bigint }[];
}

/** One job from request to a receipt on disk that was read back and verified from its bytes alone. */
export async function runJob(job: PlannedJob, options: RunJobOptions): Promise<RanJob> {
  const { wallet, presenter, signal } = options;
  const startMs = performance.now();
  const phasesMs: Record<string, number> = {};
  let requestGas = 0;
  let endGas = 0;
  const onProgress = (progress: InferenceProgress): void => {
    phasesMs[progress.stage] ??= Math.round(performance.now() - startMs);
    if (progress.stage === "requested") requestGas = Number(progress.gas);
    if (progress.stage === "final") endGas = Number(progress.gas);
    presenter.job(job.index, progress.stage, describe(progress, job));
  };
  const done = await wallet.requestInferenceSync({
    manifest: job.manifest,
    input: job.input,
    onProgress,
    signal,
    pollMs: 250,
    send: options.queue,
    policy: { tWork: options.tWork },
    ...(job.kind === "proven" ? { preset: "critical-proof" as const } : {}),
    ...(options.beforeDelivery === undefined ? {} : { beforeDelivery: options.beforeDelivery }),
  });
  const receipt = await wallet.getReceipt({ jobId: done.jobId, manifest: job.manifest, result: done.result });
  const path = join(options.receipts, `job-${String(job.index).padStart(2, "0")}.receipt`);
  writeFileSync(path, encodeReceipt(receipt), { mode: 0o600 });
  // From the bytes alone: nothing of this process' memory is used again.
  const report = verifyReceipt(decodeReceipt(new Uint8Array(readFileSync(path))));
  const bad = report.checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  presenter.job(
    job.index,
    report.ok ? "verified" : "problem",
    report.ok ? `receipt valid, ${report.checks.length} checks, offline` : bad.join("; "),
  );
  const answer = job.labelOf(done.output);
  const last = receipt.record.tallies.at(-1);
  const said = receipt.record.tallies.flatMap(({ seats, said: words }) => seats.map((seat, i) => [seat, words[i]]));
  const winner = last === undefined ? undefined : mode(last.said);
  const agreed = said.filter(([, word]) => word === winner).map(([seat]) => Number(seat));
  const outcome: JobOutcome = {
    index: job.index,
    jobId: done.jobId,
    kind: job.kind,
    model: job.model,
    answer,
    truth: job.truth,
    correct: answer === job.truth,
    matchesProgram: receipt.outDigest === expectedDigest(job, done.secret),
    committees: receipt.record.tallies.map(({ seats }) => seats),
    agreed,
    dissented: said.map(([seat]) => Number(seat)).filter((seat) => !agreed.includes(seat)),
    gas: { request: requestGas, rest: endGas },
    phasesMs,
    latencyMs: phasesMs["final"] ?? 0,
    receipt: path,
    receiptVerified: report.ok,
  };
  presenter.job(
    job.index,
    "answer",
    `${answer} (truth: ${job.truth}), ${job.kind === "proven" ? "proven by worker" : "seats"} ${agreed.join(", ")}${job.kind === "proven" ? "" : " agreed"}, ${(outcome.latencyMs / 1000).toFixed(1)} s`,
  );
  return { outcome, slashes: done.view.slashes };
}

function mode(words: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0];
}

function describe(progress: InferenceProgress, job: PlannedJob): string {
  switch (progress.stage) {
    case "deposited":
      return tokens(progress.amount);
    case "requested":
      return `${job.model}, ${progress.gas} gas`;
    case "seats drawn":
      return progress.seats.join(", ");
    case "input delivered":
      return `to ${progress.reached.length} seats${progress.missing.length > 0 ? `, not to ${progress.missing.join(", ")}` : ""}`;
    case "proposed":
      return `worker ${progress.workerId} is bound to an answer`;
    case "audit drawn":
      return `the lottery fell on it: seats ${progress.seats.join(", ")} compute too`;
    case "opened":
      return "not audited: open to challenge until its window ends";
    case "committed":
      return "commitments posted on chain (slow path)";
    case "proven":
      return `stage ${progress.proved} by worker ${progress.workerId}`;
    case "tallied":
      return `round ${progress.round}: ${progress.accepted ? "a digest has its quorum" : "no quorum"}`;
    case "challenged":
      return `round ${progress.round}: a larger committee decides`;
    case "slashed":
      return `worker ${progress.workerId} loses ${tokens(progress.amount)}, ${tokens(progress.burned)} of it burned`;
    case "final":
      return `${progress.gas} gas`;
    case "result opened":
      return `from worker ${progress.workerId}, digest checked`;
  }
}

/** Base units as tokens with two decimals. */
export const tokens = (amount: bigint): string => `${(Number(amount / 10n ** 16n) / 100).toFixed(2)} DEV`;
