// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "viem";
import type { Secrecy } from "./secret-watch.ts";
import { PRESETS, type PresetName } from "../../offchain/core/policy-presets.ts";
import { table } from "./table.ts";

export type JobKind =
  "plain" | "liar" | "killed" | "proven" | "split" | "economy" | "batch" | "cheque" | "enclave" | "pair" | "cipher";

/** Presets, and what MASKED lanes make of a vote. */
export type DemoPreset = PresetName | "masked";

/** How one job went. Times in milliseconds since its request was sent. */
export interface JobOutcome {
  readonly index: number;
  readonly jobId: string;
  readonly kind: JobKind;
  readonly preset: DemoPreset;
  readonly model: string;
  readonly answer: string;
  readonly truth: string;
  readonly correct: boolean;
  /** The committee's digest equals the one computed here from the same program and input; of ciphertexts: label and tolerance do. */
  readonly matchesProgram: boolean;
  /** What the receipt rests on, by its own words; whether that covers the model from end to end. */
  readonly evidence: string;
  readonly endToEnd: boolean;
  /** Who could read the input. */
  readonly sees: string;
  readonly committees: readonly (readonly number[])[];
  readonly agreed: readonly number[];
  readonly dissented: readonly number[];
  /** Of all its transactions. */
  readonly gas: number;
  /** What client and workers exchanged, without framing. */
  readonly wireBytes: number;
  /** Token base units: expected and most before the request, and what it was in the end. */
  readonly fee: { readonly quoted: string; readonly most: string; readonly paid: string };
  readonly phasesMs: Readonly<Record<string, number>>;
  readonly latencyMs: number;
  /** By what workers had measured before; null where they had not. */
  readonly quotedMs: number | null;
  /** The chain's word on the job's record: what seats posted by transactions has no signature in a receipt. */
  readonly recordHash: Hex;
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
  /** Of encrypted jobs: where their inputs and keys were looked for. */
  readonly secrecy: Secrecy;
  /** How anyone does the run again from the bundle it left. */
  readonly audit: { readonly root: Hex; readonly headHash: Hex; readonly replay: string };
}

const token = (amount: string): string => (Number(BigInt(amount) / 10n ** 16n) / 100).toFixed(2);
const kib = (bytes: number): string =>
  bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Kinds that the preset does not tell. */
const NAMED: ReadonlySet<JobKind> = new Set(["liar", "killed", "batch"]);

export function printSummary(summary: RunSummary): string {
  const plain = summary.jobs.filter((job) => job.kind === "plain");
  const rows = summary.jobs.map((job) => [
    String(job.index),
    NAMED.has(job.kind) ? `${job.preset}, ${job.kind}` : job.preset,
    job.model,
    job.answer,
    job.truth,
    job.matchesProgram ? (job.kind === "cipher" ? "within tau" : "yes") : "NO",
    `${job.evidence.replaceAll("DEVELOPMENT KEY", "DEV KEY")} ${job.agreed.length}/${job.agreed.length + job.dissented.length}`,
    job.sees,
    String(job.gas),
    kib(job.wireBytes),
    `${(job.latencyMs / 1000).toFixed(1)} / ${job.quotedMs === null ? "?" : (job.quotedMs / 1000).toFixed(1)}`,
    `${token(job.fee.paid)} / ${token(job.fee.quoted)}`,
    job.receiptVerified ? "valid" : "INVALID",
  ]);
  const head = [
    "job",
    "preset",
    "model",
    "answer",
    "truth",
    "exact",
    "evidence",
    "who sees the input",
    "gas",
    "wire",
    "s / quoted",
    "fee / quoted",
    "receipt",
  ];
  const right = summary.jobs.filter((job) => job.correct).length;
  const lines = [
    table(head, rows),
    "",
    `${right} of ${summary.jobs.length} answers equal the ground truth; "exact" compares with the integer program run here. "gas": all transactions; "wire": what client and workers exchanged.`,
    `Median latency of an undisturbed committee, request to final: ${seconds(median(plain.map((job) => job.latencyMs)))}. general-split and economy stay open to challenge for 15 s before they are final.`,
  ];
  const shown = new Set<string>(summary.jobs.map(({ preset }) => preset));
  const absent = Object.keys(PRESETS).filter((name) => !shown.has(name));
  if (absent.length > 0) lines.push(`Not shown in this run: ${absent.join(", ")}.`);
  const proven = summary.jobs.filter((job) => job.kind === "proven");
  if (proven.length > 0)
    lines.push(
      `${proven.length} answers are proven in zero knowledge (critical-proof, one worker, DEVELOPMENT keys): ${seconds(median(proven.map((job) => job.latencyMs)))} median.`,
    );
  if (summary.jobs.some(({ kind }) => kind === "pair"))
    lines.push(
      "critical-enclave: enclaves of two vendors and two operators said one digest, and one of them made the proof. All enclaves here are SIMULATED: they show the protocol and prove nothing about hardware.",
    );
  if (summary.liar !== null)
    lines.push(
      `Worker ${summary.liar.workerId} lied: ${summary.liar.slashed} slashed, ${summary.liar.burned} of it burned.`,
    );
  if (summary.killed !== null)
    lines.push(
      `Worker ${summary.killed.workerId} was killed: ${summary.killed.offence}; ${summary.killed.restarted ? "restarted from its journal" : "NOT restarted"}.`,
    );
  const { secrets, bytes } = summary.secrecy;
  if (secrets > 0)
    lines.push(
      `Inputs and secret keys of the encrypted jobs, ${secrets} in all, were looked for in ${kib(Object.values(bytes).reduce((sum, one) => sum + one, 0))} of ${Object.keys(bytes).join(", ")}: ${summary.secrecy.found.length === 0 ? "not there" : "FOUND"}.`,
    );
  for (const problem of summary.problems) lines.push(`PROBLEM: ${problem}`);
  lines.push("", `Receipts, logs, summary.json and an audit bundle: ${summary.folder}`);
  lines.push(`Audit it, offline: ${summary.audit.replay}`);
  return lines.join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
