// SPDX-License-Identifier: GPL-3.0-or-later
import { table } from "./table.ts";

export type JobKind = "plain" | "liar" | "killed" | "proven";

/** How one job went. Times in milliseconds since its request was sent. */
export interface JobOutcome {
  readonly index: number;
  readonly jobId: string;
  readonly kind: JobKind;
  readonly model: string;
  readonly answer: string;
  readonly truth: string;
  readonly correct: boolean;
  /** The committee's digest equals the one computed here from the same program and input. */
  readonly matchesProgram: boolean;
  readonly committees: readonly (readonly number[])[];
  readonly agreed: readonly number[];
  readonly dissented: readonly number[];
  readonly gas: { readonly request: number; readonly rest: number };
  readonly phasesMs: Readonly<Record<string, number>>;
  readonly latencyMs: number;
  readonly receipt: string;
  readonly receiptVerified: boolean;
}

export interface RunSummary {
  readonly version: 1;
  readonly ok: boolean;
  /** Each a sentence; empty if all went as it must. */
  readonly problems: readonly string[];
  readonly folder: string;
  readonly elapsedMs: Readonly<Record<string, number>>;
  readonly deployment: Readonly<Record<string, string | number>>;
  readonly workers: readonly { readonly workerId: number; readonly pid: number; readonly residentMiB: number }[];
  readonly jobs: readonly JobOutcome[];
  readonly liar: { readonly workerId: number; readonly slashed: string; readonly burned: string } | null;
  readonly killed: { readonly workerId: number; readonly offence: string; readonly restarted: boolean } | null;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function printSummary(summary: RunSummary): string {
  const rows = summary.jobs.map((job) => [
    String(job.index),
    job.model,
    job.kind,
    job.answer,
    job.truth,
    job.correct ? "yes" : "no",
    job.matchesProgram ? "yes" : "NO",
    `${job.agreed.length} of ${job.agreed.length + job.dissented.length}`,
    String(job.gas.request + job.gas.rest),
    seconds(job.latencyMs),
    job.receiptVerified ? "valid" : "INVALID",
  ]);
  const head = ["job", "model", "kind", "answer", "truth", "right", "exact", "agreed", "gas", "latency", "receipt"];
  const latencies = summary.jobs.filter((job) => job.kind === "plain").map((job) => job.latencyMs);
  const right = summary.jobs.filter((job) => job.correct).length;
  const lines = [
    table(head, rows),
    "",
    `${right} of ${summary.jobs.length} answers equal the ground truth; "exact" compares with the integer program run here.`,
    `Median latency of an undisturbed job, request to final: ${seconds(median(latencies))}.`,
  ];
  const proven = summary.jobs.filter((job) => job.kind === "proven");
  if (proven.length > 0)
    lines.push(
      `${proven.length} answers are proven in zero knowledge (critical-proof, one worker, DEVELOPMENT keys): ${seconds(median(proven.map((job) => job.latencyMs)))} median.`,
    );
  if (summary.liar !== null)
    lines.push(
      `Worker ${summary.liar.workerId} lied: ${summary.liar.slashed} slashed, ${summary.liar.burned} of it burned.`,
    );
  if (summary.killed !== null)
    lines.push(
      `Worker ${summary.killed.workerId} was killed: ${summary.killed.offence}; ${summary.killed.restarted ? "restarted from its journal" : "NOT restarted"}.`,
    );
  for (const problem of summary.problems) lines.push(`PROBLEM: ${problem}`);
  lines.push("", `Receipts, logs and summary.json: ${summary.folder}`);
  return lines.join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
