// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hex } from "viem";
import type { JobOpening } from "../../offchain/audit/bundle/job-opening.ts";
import { judgeEnclaves, rootsOf } from "../../offchain/audit/judge-enclaves.ts";
import { encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { equalBytes, toHex } from "../../offchain/core/bytes.ts";
import { guaranteeOf } from "../../offchain/core/receipt-json.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { ENCLAVE, OPTIMISTIC, type Policy } from "../../offchain/core/types.ts";
import { PRESETS } from "../../offchain/core/policy-presets.ts";
import { isPaired } from "../../offchain/core/replay-record.ts";
import type { Branch } from "../../offchain/sdk/actions/join-results.ts";
import type { JobSecret } from "../../offchain/sdk/job-secret.ts";
import type { JobView } from "../../offchain/sdk/job-view.ts";
import type { JoinedInput } from "../../offchain/sdk/joined-input.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt, type ReceiptExpectation } from "../../offchain/core/verify-receipt.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { askEncrypted } from "./ask-encrypted.ts";
import type { DevnetEnclaves } from "./devnet-enclaves.ts";
import { expectedDigest, type PlannedJob } from "./plan-jobs.ts";
import type { Presenter } from "./presenter.ts";
import type { SecretWatch } from "./secret-watch.ts";
import type { DemoPreset, JobOutcome } from "./summary.ts";
import { metered } from "./wire-bytes.ts";

export interface RunJobOptions {
  readonly wallet: AssayWallet;
  readonly hub: Hex;
  readonly presenter: Presenter;
  readonly receipts: string;
  readonly signal: AbortSignal;
  /** One request at a time leaves the account, so that nonces follow each other. */
  readonly queue: <T>(action: () => Promise<T>) => Promise<T>;
  /** Seconds for a committee's commitments: generous where a busy machine must not look like an absent worker. */
  readonly tWork: number;
  /** Single numbers instead of the preset's. */
  readonly policy?: Partial<Policy>;
  /** SIMULATED ones, which may see inputs; left out: they may not. */
  readonly enclaves?: Pick<DevnetEnclaves, "roots" | "loneClass" | "signersOf"> | null;
  readonly beforeDelivery?: (seats: readonly number[]) => Promise<void>;
  /** Told each step as it happens. */
  readonly onStage?: (stage: InferenceProgress["stage"], progress: InferenceProgress) => void;
  /** Of encrypted jobs: told what must be found nowhere. */
  readonly watch?: SecretWatch;
}

export interface RanJob {
  readonly outcome: JobOutcome;
  readonly slashes: readonly { readonly workerId: number; readonly offence: number; amount: bigint; burned: bigint }[];
  /** For a job that is joined with this one. */
  readonly branch: Branch;
  readonly receipt: Receipt;
  /** What shows an auditor the input; of ciphertexts, what their evaluation is repeated with. */
  readonly opening: JobOpening;
}

interface Answered {
  readonly jobId: Hex;
  readonly secret: JobSecret;
  readonly escrow: bigint;
  readonly view: JobView;
  readonly answer: string;
  /** Byte for byte, or by what ciphertexts promise. */
  readonly isExact: boolean;
  readonly receipt: Receipt;
  readonly branch: Branch;
  /** The input as it is opened, or the parcels of an encrypted one. */
  readonly opened: Uint8Array | Pick<JobOpening, "parcels">;
}

/** One job from quote to a receipt on disk that was read back and verified from its bytes alone. `input`: instead of the planned one. */
export async function runJob(job: PlannedJob, options: RunJobOptions, input?: JoinedInput): Promise<RanJob> {
  const { wallet, presenter, signal } = options;
  let startMs = 0;
  const phasesMs: Record<string, number> = {};
  const transactions = new Set<Hex>();
  const onProgress = (progress: InferenceProgress): void => {
    phasesMs[progress.stage] ??= Math.round(performance.now() - startMs);
    if ("hash" in progress && progress.stage !== "deposited") transactions.add(progress.hash);
    presenter.job(job.index, progress.stage, describe(progress, job));
    options.onStage?.(progress.stage, progress);
  };
  const wishes = wishesOf(job, options);
  const quote = await wallet.quoteInference({ manifest: job.manifest, inputs: job.batch?.length, ...wishes });
  const { time } = await wallet.quoteTime({
    manifest: job.manifest,
    spec: quote.spec,
    inputs: job.batch?.length,
    signal,
  });
  startMs = performance.now();
  const { value: done, bytes } = await metered(async () => ask(job, wishes, { ...options, input, onProgress }));
  const { receipt } = done;
  const path = join(options.receipts, `job-${String(job.index).padStart(2, "0")}.receipt`);
  writeFileSync(path, encodeReceipt(receipt), { mode: 0o600 });
  // From the bytes alone: nothing of this process' memory is used again. Whose keys signed for a pair of enclaves is the registry's to say.
  const reread = decodeReceipt(new Uint8Array(readFileSync(path)));
  const signers = isPaired(reread.job.spec.policy.mask) ? await options.enclaves?.signersOf(reread) : undefined;
  const report = verifyReceipt(reread, {
    recordHash: done.view.recordHash ?? receipt.recordHash,
    ...(signers === undefined ? {} : { enclaves: signers }),
  });
  const checks = [...report.checks, ...judgeEnclaves(reread, rootsOf(options.enclaves?.roots ?? [])).checks];
  const bad = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  const receiptVerified = bad.length === 0;
  presenter.job(
    job.index,
    receiptVerified ? "verified" : "problem",
    receiptVerified ? `receipt valid, ${checks.length} checks, offline` : bad.join("; "),
  );
  const { answer, opened } = done;
  const said = receipt.record.tallies.flatMap(({ seats, said: words, stage }) =>
    seats.map((seat, i) => ({ seat, word: words[i] ?? "", stage })),
  );
  // Of every stage, the digest that its last committee stands for.
  const winners = new Map(receipt.record.tallies.map(({ stage, said: words }) => [stage, mode(words)]));
  const agreed = said.filter(({ word, stage }) => word === winners.get(stage)).map(({ seat }) => seat);
  const isProven = receipt.proofs.length > 0;
  const { evidence, endToEnd } = guaranteeOf(receipt, report);
  const returned = receipt.settlement[0]?.requester ?? 0n;
  const outcome: JobOutcome = {
    index: job.index,
    jobId: done.jobId,
    kind: job.kind,
    preset: presetOf(job),
    model: job.model,
    answer,
    truth: job.truth,
    correct: answer === job.truth,
    matchesProgram: done.isExact,
    evidence: `${evidence.join(" + ")}${familiesOf(signers)}`,
    endToEnd,
    sees: VIEWERS[presetOf(job)],
    committees: receipt.record.tallies.map(({ seats }) => seats),
    agreed,
    dissented: said.map(({ seat }) => seat).filter((seat) => !agreed.includes(seat)),
    gas: await gasOf(wallet, transactions),
    wireBytes: bytes,
    fee: { quoted: String(quote.likely), most: String(quote.escrow), paid: String(done.escrow - returned) },
    phasesMs,
    quotedMs: time.finalSec === null ? null : Math.round(time.finalSec * 1_000),
    latencyMs: phasesMs["final"] ?? 0,
    recordHash: done.view.recordHash ?? receipt.recordHash,
    receipt: path,
    receiptVerified,
  };
  presenter.job(
    job.index,
    "answer",
    `${answer} (truth: ${job.truth}), ${standing(agreed, isProven)}, ${(outcome.latencyMs / 1000).toFixed(1)} s`,
  );
  const opening = opened instanceof Uint8Array ? { input: opened, secret: `${toHex(done.secret.reveal())}\n` } : opened;
  return { outcome, slashes: done.view.slashes, branch: done.branch, receipt, opening };
}

/** Who stands behind an answer. */
function standing(agreed: readonly number[], isProven: boolean): string {
  if (!isProven) return `seats ${agreed.join(", ")} agreed`;
  const [prover, second] = agreed;
  return second === undefined
    ? `proven by worker ${prover}`
    : `proven in the SIMULATED enclave of worker ${prover}, that of worker ${second} agreed`;
}

/** Whose enclaves signed for a pair. */
function familiesOf(signers: ReceiptExpectation["enclaves"]): string {
  if (signers === undefined) return "";
  return ` of ${[...signers.values()]
    .map(({ family }) => family)
    .toSorted()
    .join(" and ")}`;
}

/** Of all transactions that moved a job: the requester's, the seats' and whoever poked. */
async function gasOf(wallet: AssayWallet, transactions: ReadonlySet<Hex>): Promise<number> {
  const receipts = await Promise.all([...transactions].map(async (hash) => wallet.getTransactionReceipt({ hash })));
  return receipts.reduce((sum, { gasUsed }) => sum + Number(gasUsed), 0);
}

/** How a job's row is called: the preset, or what MASKED lanes make of it. */
const presetOf = (job: PlannedJob): DemoPreset =>
  job.masked === undefined ? (job.preset ?? "general-vote") : "masked";

const VIEWERS: Readonly<Record<DemoPreset, string>> = {
  "general-vote": "its seats",
  "general-split": "nobody (boundaries leak)",
  "critical-cipher": "nobody but the client",
  "critical-proof": "one prover",
  "critical-enclave": "2 SIMULATED enclaves",
  "fast-enclave": "3 SIMULATED enclaves",
  economy: "answerer, 4 auditors",
  masked: "nobody alone",
};

const wishesOf = (job: PlannedJob, { tWork, policy, enclaves }: RunJobOptions) => {
  const mask = job.preset === undefined ? 0 : PRESETS[job.preset].mask;
  // Only enclaves may see the input.
  const isEnclaved = (mask & ENCLAVE) !== 0;
  return {
    policy: { tWork, ...policy, ...(job.masked === undefined ? {} : { k: 2 }) },
    enclaves: isEnclaved ? { allowSimulated: enclaves !== undefined && enclaves !== null } : undefined,
    ticketClass: isEnclaved && (mask & OPTIMISTIC) !== 0 ? enclaves?.loneClass : undefined,
    preset: job.preset,
    clientPart: job.clientPart,
  };
};

async function ask(
  job: PlannedJob,
  wishes: ReturnType<typeof wishesOf>,
  options: RunJobOptions & {
    readonly input: JoinedInput | undefined;
    readonly onProgress: (progress: InferenceProgress) => void;
  },
): Promise<Answered> {
  const { wallet, signal, onProgress, beforeDelivery } = options;
  const { manifest, masked, cipher } = job;
  const common = {
    manifest,
    onProgress,
    signal,
    pollMs: 250,
    send: options.queue,
    ...wishes,
    ...(beforeDelivery === undefined ? {} : { beforeDelivery }),
  };
  if (cipher !== undefined) {
    const { done, labels, isWithin } = await askEncrypted(cipher, options, common);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, manifest });
    const isExact = isWithin && labels.join() === cipher.labels.join();
    return {
      ...done,
      answer: labels.map(cipher.short).join(" "),
      isExact,
      receipt,
      branch: done,
      opened: { parcels: done.parcels },
    };
  }
  if (masked !== undefined) {
    const done = await wallet.requestMasked({ ...common, input: job.input, program: masked });
    return { ...answered(job, { ...done, outputs: [done.output] }), branch: done, opened: done.opening };
  }
  const batch = job.batch?.map((one) => one.input);
  const input = options.input ?? batch ?? job.input;
  const done = await wallet.requestInferenceSync({ ...common, input });
  const { jobId, clientClaims } = done;
  // Behind client stages the network's result is an inner boundary, and nobody else's business.
  const result = job.clientPart === undefined ? done.result : undefined;
  const receipt = await wallet.getReceipt({ jobId, manifest, result, clientClaims });
  const opened =
    options.input?.opening ??
    (batch === undefined ? encodeTensor(job.input) : encodeBatch(batch.map((one) => encodeTensor(one))));
  return { ...answered(job, { ...done, receipt }), branch: done, opened };
}

/** What plain results say: labels, and whether they are the program's. */
const answered = <T extends Results>(job: PlannedJob, done: T) => ({
  ...done,
  answer: done.outputs.map(job.labelOf).join(" "),
  isExact: matchesProgram(job, done),
});

interface Results extends Pick<Answered, "receipt" | "secret"> {
  readonly outputs: readonly Tensor[];
}

/** Whether every answer is byte for byte what the same program gives here, and the agreed digest the one of those bytes. */
function matchesProgram(job: PlannedJob, { outputs, receipt, secret }: Results): boolean {
  const expected = job.batch?.map(({ expectedOutput }) => expectedOutput) ?? [job.expectedOutput];
  const same =
    outputs.length === expected.length &&
    outputs.every((one, i) => equalBytes(encodeTensor(one), expected[i] ?? EMPTY));
  const isWhole = job.batch === undefined && job.clientPart === undefined && job.masked === undefined;
  return same && (!isWhole || receipt.outDigest === expectedDigest(job, secret));
}

const EMPTY = new Uint8Array();

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
