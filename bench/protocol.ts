// SPDX-License-Identifier: GPL-3.0-or-later
// A general-vote job on the devnet: where its time goes, how many a second sixteen workers on this machine sustain, what
// a worker weighs. Whole runs with real processes; the chain makes a block a second, as protocol.md section 10 wants it.
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { prepareInput } from "../offchain/core/program/preprocess.ts";
import { parseIdx, rowOf } from "../offchain/engines/program/dataset.ts";
import { createOnnxExecutor } from "../offchain/engines/program/onnx-executor.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { runModel } from "../offchain/engines/program/run-model.ts";
import { connectWallet } from "../offchain/sdk/node/connect.ts";
import { buildContracts } from "../scripts/demo/build-contracts.ts";
import { Children } from "../scripts/demo/children.ts";
import { startDevnet } from "../scripts/demo/devnet.ts";
import { processorSec } from "../scripts/demo/processor-time.ts";
import { residentMiB } from "../scripts/demo/resident.ts";
import { createRunFolder } from "../scripts/demo/run-folder.ts";
import { median } from "../scripts/demo/summary.ts";
import type { BenchRow } from "../scripts/bench.ts";

const TOKEN = 10n ** 18n;
const WORKERS = 16;
const SINGLE_JOBS = 5;
/** Jobs under way at once (inequality 6 carries forty), and how many jobs in all; a level is reported whether or not it keeps up. */
const LEVELS = [
  { atOnce: 6, jobs: 24 },
  { atOnce: 12, jobs: 24 },
] as const;
/** For commitments, seconds: the input must arrive in 0.6 of it. A job beyond it ends as a refund, and is counted as not done. */
const WORK_SEC = 60;

export const suite = {
  name: "protocol",
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
  const startMs = performance.now();
  const devnet = await startDevnet({
    folder: createRunFolder("build/run", new Date()),
    workers: WORKERS,
    models: ["models/digits-cnn"],
    children,
    signal: new AbortController().signal,
    progress,
  });
  report({ case: "devnet", metric: "start of 16 workers", value: (performance.now() - startMs) / 1000, unit: "s" });
  const resident = devnet.workers.map(({ child }) => residentMiB(child.pid));
  report({ case: "worker, idle", metric: "resident memory, median", value: median(resident), unit: "MiB" });
  report({ case: "worker, idle", metric: "resident memory, largest", value: Math.max(...resident), unit: "MiB" });

  const { hub, fromBlock } = devnet.deployment;
  const model = await loadModel("models/digits-cnn");
  const manifest = model.manifest.model;
  const data = (name: string) => new Uint8Array(readFileSync(join("models/data", name)));
  const rows = parseIdx(data("digits-test-images.idx.gz"), data("digits-test-labels.idx.gz"));
  const input = (index: number) => prepareInput(model.preprocess, rowOf(rows, index % rows.rows));
  const wallet = connectWallet({
    rpcUrl: devnet.chain.url,
    hub,
    fromBlock: BigInt(fromBlock),
    privateKey: devnet.requesterKey,
    pollMs: 100,
  });
  await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 1_000n * TOKEN }) });
  let tail: Promise<unknown> = Promise.resolve();
  const send = async <T>(action: () => Promise<T>): Promise<T> => {
    const next = tail.then(action);
    tail = next.catch(() => undefined);
    return next;
  };
  const job = async (index: number): Promise<Record<string, number>> => {
    const beginMs = performance.now();
    const at: Record<string, number> = {};
    await wallet.requestInferenceSync({
      manifest,
      input: input(index),
      policy: { tWork: WORK_SEC },
      send,
      pollMs: 100,
      onProgress: ({ stage }) => (at[stage] ??= performance.now() - beginMs),
    });
    return at;
  };

  const alone: Record<string, number>[] = [];
  for (let index = 0; index < SINGLE_JOBS; index++) {
    progress(`job ${index + 1} of ${SINGLE_JOBS} alone`);
    alone.push(await job(index));
  }
  const inferenceMs = await timeInference(model, input(0));
  const phases = ["requested", "seats drawn", "input delivered", "final", "result opened"] as const;
  const named = ["request mined", "seats drawn", "input delivered", "voted, revealed, final", "result opened"] as const;
  const total = median(alone.map((times) => times["result opened"] ?? 0));
  for (const [i, phase] of phases.entries()) {
    const before = phases[i - 1];
    const ms = median(alone.map((times) => (times[phase] ?? 0) - (before === undefined ? 0 : (times[before] ?? 0))));
    report({ case: "one job alone, k=5", metric: named[i] ?? phase, value: ms, unit: "ms" });
  }
  report({ case: "one job alone, k=5", metric: "whole job", value: total, unit: "ms" });
  report({
    case: "one job alone, k=5",
    metric: "inference itself (onnxruntime with probe, 1 thread, as a seat runs it)",
    value: inferenceMs,
    unit: "ms",
    baseline: "whole job",
    ratio: inferenceMs / total,
  });

  const used: Processors = {
    workers: () => devnet.workers.reduce((sum, { child }) => sum + processorSec(child.pid), 0),
    chain: () => processorSec(devnet.chain.child.pid),
    requester: () => processorSec(process.pid),
  };
  for (const level of LEVELS) await load(level, job, used, report, progress);
  const busy = devnet.workers.map(({ child }) => residentMiB(child.pid));
  report({ case: "worker, after load", metric: "resident memory, median", value: median(busy), unit: "MiB" });
}

/** Processor seconds used so far, by who used them: what limits the rate is whoever leaves nothing of the two cores. */
type Processors = Readonly<Record<"workers" | "chain" | "requester", () => number>>;

async function load(
  { atOnce, jobs }: (typeof LEVELS)[number],
  job: (index: number) => Promise<Record<string, number>>,
  used: Processors,
  report: (row: BenchRow) => void,
  progress: (text: string) => void,
): Promise<void> {
  const startMs = performance.now();
  const before = Object.entries(used).map(([who, seconds]) => [who, seconds(), seconds] as const);
  const latencies: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < jobs) {
        try {
          const times = await job(next++);
          latencies.push(times["result opened"] ?? 0);
        } catch (error) {
          progress(String(error));
        }
        progress(`${atOnce} at once: ${latencies.length} of ${jobs} jobs done`);
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const row = (metric: string, value: number, unit: string) =>
    report({ case: `16 workers, ${atOnce} jobs at once`, metric, value, unit });
  row("sustained", latencies.length / seconds, "jobs/s");
  row("jobs not done in time", jobs - latencies.length, "jobs");
  if (latencies.length > 0) {
    row("whole job, median", median(latencies), "ms");
    row("whole job, slowest", Math.max(...latencies), "ms");
  }
  for (const [who, begin, now] of before) row(`cores kept busy by ${who}`, (now() - begin) / seconds, "cores");
}

async function timeInference(model: Awaited<ReturnType<typeof loadModel>>, input: ReturnType<typeof prepareInput>) {
  const executor = createOnnxExecutor({ threads: 1 });
  await runModel(model, input, executor); // the session is kept warm by workers, too
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const beginMs = performance.now();
    await runModel(model, input, executor);
    times.push(performance.now() - beginMs);
  }
  await executor.close();
  return median(times);
}
