// SPDX-License-Identifier: GPL-3.0-or-later
// Every preset that runs, on the devnet with sixteen real workers: latency, gas, bytes, processor time of all workers together, fee, what
// dominates, and jobs a second at saturation; beside the same model run once, unverified, on this machine. With --write it renews
// docs/presets.md. Twenty jobs a preset (ASSAY_BENCH_JOBS: another number) take about an hour; --cases=cipher runs only cases with
// that in their name, and leaves the other rows of the page as they were.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { decodeReceipt } from "../offchain/core/receipt.ts";
import type { Tensor } from "../offchain/core/tensor.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { createOnnxExecutor } from "../offchain/engines/program/onnx-executor.ts";
import { runModel } from "../offchain/engines/program/run-model.ts";
import { connectWallet } from "../offchain/sdk/node/connect.ts";
import { buildContracts } from "../scripts/demo/build-contracts.ts";
import { Children } from "../scripts/demo/children.ts";
import { startDevnet, type Devnet } from "../scripts/demo/devnet.ts";
import { CIPHER_MODELS, planCiphers } from "../scripts/demo/plan-ciphers.ts";
import { planJobs, type PlannedJob } from "../scripts/demo/plan-jobs.ts";
import { ENCLAVES, planPresets } from "../scripts/demo/plan-presets.ts";
import { createPresenter } from "../scripts/demo/presenter.ts";
import { familyProcessorSec } from "../scripts/demo/processor-time.ts";
import { createQueue } from "../scripts/demo/queue.ts";
import { runJob, type RanJob, type RunJobOptions } from "../scripts/demo/run-job.ts";
import { createRunFolder } from "../scripts/demo/run-folder.ts";
import { median } from "../scripts/demo/summary.ts";
import { meterFetch } from "../scripts/demo/wire-bytes.ts";
import type { BenchRow } from "../scripts/bench.ts";
import { PARTS, writeRow, type Measured } from "./presets/page.ts";

const TOKEN = 10n ** 18n;
const WORKERS = 16;
/** Jobs for latency and processor time, one by one. */
const SINGLE = Number(process.env["ASSAY_BENCH_JOBS"] ?? 20);
/** Of jobs with a window, which costs nothing, as many run side by side. */
const WINDOWED_AT_ONCE = 4;
/** Jobs for throughput, and how many of them are always under way. */
const SUSTAINED = Math.ceil(1.6 * SINGLE);
const AT_ONCE = 8;
/** Of encrypted ones, whose client sends 50 to 70 MB of keys for each: with more, inputs come too late and jobs end without a result. */
const ENCRYPTED_AT_ONCE = 2;
const IDLE_MS = 4_000;
const PLAIN_RUNS = 50;
/** tWork, seconds: ample, so that load shows as latency. */
const WORK_SEC = 60;

interface Case {
  readonly name: string;
  readonly job: PlannedJob;
  /** Answers of one job. */
  readonly answers: number;
  readonly windowed: boolean;
}

export const suite = {
  name: "presets",
  async run(report: (row: BenchRow) => void, progress: (text: string) => void): Promise<void> {
    const children = new Children();
    process.once("exit", () => children.killAll());
    try {
      await measure(children, report, progress);
    } finally {
      await children.stopAll(5_000);
    }
  },
};

async function measure(children: Children, report: (row: BenchRow) => void, progress: (text: string) => void) {
  await buildContracts(progress);
  const folder = createRunFolder("build/run", new Date());
  const { signal } = new AbortController();
  const devnet = await startDevnet({
    folder,
    workers: WORKERS,
    models: ["tumor-mlp", "digits-cnn", "digits-split", "cheque-image"].map((name) => `models/${name}`),
    enclaves: ENCLAVES,
    ciphers: CIPHER_MODELS,
    children,
    signal,
    progress,
  });
  meterFetch(devnet.chain.url);
  const { hub, fromBlock } = devnet.deployment;
  const privateKey = devnet.requesterKey;
  const wallet = connectWallet({
    rpcUrl: devnet.chain.url,
    hub,
    fromBlock: BigInt(fromBlock),
    privateKey,
    pollMs: 100,
  });
  await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 5_000n * TOKEN }) });
  const presenter = createPresenter(
    () => undefined,
    () => performance.now(),
    false,
  );
  const queue = createQueue();
  const { enclaves } = devnet;
  const options = { wallet, hub, presenter, receipts: folder.receipts, signal, queue, tWork: WORK_SEC, enclaves };
  const idle = await idleLoad(devnet);
  report({ case: "16 idle workers", metric: "processor", value: idle, unit: "s/s" });
  const all = await cases();
  const wanted = process.argv.find((argument) => argument.startsWith("--cases="))?.slice("--cases=".length) ?? "";
  for (const one of all.filter(({ name }) => name.includes(wanted))) {
    const row = await measureCase(one, { devnet, options, idle, report, progress });
    const order = all.map(({ name }) => name);
    if (process.argv.includes("--write")) await writeRow(row, order, `${cpus().length} cores`);
  }
}

async function cases(): Promise<readonly Case[]> {
  const vote = (await planJobs(0, 1, false)).find(({ kind }) => kind === "plain");
  const { split, economy, batch, cheque, enclaves, pair } = await planPresets(1);
  const { patients, digit } = await planCiphers(1);
  if (vote === undefined) throw new RangeError("no digit was planned");
  const of = (name: string, job: PlannedJob, windowed = false, answers = 1): Case => ({ name, job, answers, windowed });
  return [
    of("general-vote, digits-cnn", vote),
    of("general-vote, 8 digits in one job", batch, false, batch.batch?.length ?? 1),
    of("critical-proof, digits-cnn", { ...vote, preset: "critical-proof" }),
    of("economy, tumor-mlp", economy, true),
    of("general-split, digits-split", split, true),
    of("masked, cheque-image", cheque.image),
    of("critical-cipher, digits-mlp-poly", digit),
    of("critical-cipher, 12 patients, tumor-poly", patients, false, patients.cipher?.inputs.length ?? 1),
    ...enclaves.map((job) => of(`${job.preset}, ${job.model} (SIMULATED)`, job, true)),
    of(`${pair.preset}, ${pair.model} (SIMULATED)`, pair),
  ];
}

/** What the workers' watching of the chain takes, processor seconds a second. */
async function idleLoad(devnet: Devnet): Promise<number> {
  const before = processorOf(devnet);
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  return (processorOf(devnet) - before) / ((performance.now() - startMs) / 1_000);
}

const processorOf = ({ workers }: Devnet): number =>
  workers.reduce((sum, { child }) => sum + familyProcessorSec(child.pid), 0);

interface Bench {
  readonly devnet: Devnet;
  readonly options: RunJobOptions;
  readonly idle: number;
  readonly report: (row: BenchRow) => void;
  readonly progress: (text: string) => void;
}

async function measureCase({ name, job, answers, windowed }: Case, bench: Bench): Promise<Measured> {
  const { devnet, options, idle, report, progress } = bench;
  progress(name);
  const plainMs = await plainRun(job);
  // Models and keys are loaded by the first job of a worker: not counted.
  await Promise.all(Array.from({ length: 2 }, async () => checked(job, options)));
  const busy = processorOf(devnet);
  const startMs = performance.now();
  const one = async (): Promise<RanJob> => checked(job, options);
  const ran = await keepUnderWay(windowed ? WINDOWED_AT_ONCE : 1, SINGLE, one);
  const took = (performance.now() - startMs) / 1_000;
  const processor = Math.max(0, processorOf(devnet) - busy - idle * took) / SINGLE;
  const outcomes = ran.map(({ outcome }) => outcome);
  const latencies = outcomes.map(({ latencyMs }) => latencyMs / 1_000);
  const loadMs = performance.now();
  const atOnce = job.cipher === undefined ? AT_ONCE : ENCRYPTED_AT_ONCE;
  await keepUnderWay(atOnce, SUSTAINED, one);
  const answersPerSec = (SUSTAINED * answers) / ((performance.now() - loadMs) / 1_000);
  const measured: Measured = {
    name,
    day: new Date().toISOString().slice(0, 10),
    jobs: SINGLE,
    p50: median(latencies),
    p95: percentile(latencies, 0.95),
    parts: partsOf(ran),
    gas: median(outcomes.map(({ gas }) => gas)),
    wireBytes: median(outcomes.map(({ wireBytes }) => wireBytes)),
    receiptBytes: median(outcomes.map(({ receipt }) => readFileSync(receipt).length)),
    processorSec: processor,
    plainMs: plainMs * answers,
    fee: Number(BigInt(outcomes[0]?.fee.paid ?? "0") / 10n ** 14n) / 10_000,
    answersPerSec,
    atOnce,
  };
  tell(measured, report);
  return measured;
}

function tell(measured: Measured, report: Bench["report"]): void {
  const { name, processorSec: processor, plainMs, jobs } = measured;
  const row = (metric: string, value: number, unit: string, more: Partial<BenchRow> = {}): void =>
    report({ case: name, metric, value, unit, ...more });
  row("latency to final, p50", measured.p50, "s", { baseline: dominant(measured.parts) });
  row("latency to final, p95", measured.p95, "s", { baseline: `of ${jobs} jobs` });
  row("gas", measured.gas, "gas");
  row("client and workers exchange", measured.wireBytes, "bytes");
  row("receipt", measured.receiptBytes, "bytes");
  row("processor of all workers", processor, "s", {
    baseline: `one plain run, ${plainMs.toFixed(2)} ms`,
    ratio: (1_000 * processor) / plainMs,
  });
  row("fee", measured.fee, "DEV");
  row(`throughput, ${measured.atOnce} under way`, measured.answersPerSec, "answers/s");
}

/** `total` jobs, of which `atOnce` are always under way. */
async function keepUnderWay(atOnce: number, total: number, one: () => Promise<RanJob>): Promise<readonly RanJob[]> {
  const ran: RanJob[] = [];
  let left = total;
  const lane = async (): Promise<void> => {
    while (left-- > 0) ran.push(await one());
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return ran;
}

/** By nearest rank. */
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? 0;

/** A job whose answer is right and whose receipt verifies: nothing else is worth measuring. */
async function checked(job: PlannedJob, options: RunJobOptions): Promise<RanJob> {
  const ran = await runJob(job, options);
  const { matchesProgram, receiptVerified, receipt } = ran.outcome;
  if (!matchesProgram || !receiptVerified)
    throw new RangeError(`job ${decodeReceipt(new Uint8Array(readFileSync(receipt))).jobId} is not right`);
  return ran;
}

/** The same inputs through the same model here, once each, with nobody to convince; milliseconds an answer. */
async function plainRun({ model: name, input, batch, cipher }: PlannedJob): Promise<number> {
  const model = cipher?.model ?? (await loadModel(`models/${name}`));
  const executor = createOnnxExecutor({ threads: 1 });
  const inputs: readonly Tensor[] = cipher?.inputs ?? batch?.map((one) => one.input) ?? [input];
  try {
    const [first = input] = inputs;
    await runModel(model, first, executor);
    const startMs = performance.now();
    for (let i = 0; i < PLAIN_RUNS; i++) await runModel(model, inputs[i % inputs.length] ?? first, executor);
    return (performance.now() - startMs) / PLAIN_RUNS;
  } finally {
    await executor.close();
  }
}

/** Medians of the parts of a job's time, in the order of `PARTS`, seconds. */
function partsOf(ran: readonly RanJob[]): readonly number[] {
  const all = ran.map(({ outcome, receipt }) => {
    const at = (phase: string): number => outcome.phasesMs[phase] ?? 0;
    const seats = at("seats drawn");
    const delivered = at("input delivered");
    const windowMs = receipt.job.spec.policy.window * 1_000;
    return [seats, delivered - seats, outcome.latencyMs - windowMs - delivered, windowMs];
  });
  return PARTS.map((_, i) => median(all.map((parts) => (parts[i] ?? 0) / 1_000)));
}

function dominant(parts: readonly number[]): string {
  const [largest] = parts.map((sec, i) => ({ name: PARTS[i], sec })).toSorted((a, b) => b.sec - a.sec);
  return largest === undefined ? "" : `most: ${largest.name}, ${largest.sec.toFixed(1)} s`;
}
