// SPDX-License-Identifier: GPL-3.0-or-later
// The main job, end to end: a local chain, contracts, sixteen workers, real inferences on held-out data, a liar, a
// killed worker, receipts checked offline. Ends by itself; exit code 0 only if everything was as it must be.
//
//   npm start
//   npm start -- --patients 2 --digits 2   a shorter run
//   npm start -- --no-proofs               committees only
//   npm start -- --faults                  instead of all this: a liar against each kind of evidence, and what becomes of it
//   npm start -- --no-presets              without split, sampled, batched and joined jobs
//   npm start -- --no-ciphers              without encrypted inputs
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { verifyJoinedFiles } from "../offchain/audit/verify-receipt-file.ts";
import type { JoinedInput } from "../offchain/sdk/joined-input.ts";
import { connectWallet, type AssayWallet } from "../offchain/sdk/node/connect.ts";
import { sideBySide } from "./demo/ascii-digit.ts";
import { buildContracts } from "./demo/build-contracts.ts";
import { Children } from "./demo/children.ts";
import { startDevnet, writeDevnetFile, type Devnet } from "./demo/devnet.ts";
import { exportRun, replayCommand } from "./demo/export-run.ts";
import { CIPHER_MODELS, planCiphers, type CipherJobs } from "./demo/plan-ciphers.ts";
import { planJobs, type PlannedJob } from "./demo/plan-jobs.ts";
import { createPresenter } from "./demo/presenter.ts";
import { createQueue } from "./demo/queue.ts";
import { residentMiB } from "./demo/resident.ts";
import { ENCLAVES, PRESET_MODELS, planPresets, type PlannedCheque, type PlannedPresets } from "./demo/plan-presets.ts";
import { runJob, tokens, type RanJob, type RunJobOptions } from "./demo/run-job.ts";
import { FAULT_CIPHERS, FAULT_MODELS, faultEnclaves, printFaults, runFaults } from "./demo/run-faults.ts";
import { ruled, waitFor } from "./demo/ruled.ts";
import { createRunFolder } from "./demo/run-folder.ts";
import { createSecretWatch } from "./demo/secret-watch.ts";
import { printSummary, type JobKind, type RunSummary } from "./demo/summary.ts";
import { meterFetch } from "./demo/wire-bytes.ts";

const { values } = parseArgs({
  allowNegative: true,
  options: {
    patients: { type: "string", default: "10" },
    digits: { type: "string", default: "10" },
    workers: { type: "string", default: "16" },
    proofs: { type: "boolean", default: true },
    presets: { type: "boolean", default: true },
    ciphers: { type: "boolean", default: true },
    faults: { type: "boolean", default: false },
  },
});
const TOKEN = 10n ** 18n;
const OFFENCES = ["none", "wrong", "unrevealed", "absent", "equivocation"];
/** Jobs begun in one second: inputs must be sealed and sent within the seconds after the draw, on two cores. */
const BATCH = 4;
/** tWork of a job, seconds. A dead seat costs its co-seats one and a half of them, so the killed worker's job has less. */
const T_WORK: Readonly<Record<JobKind, number>> = {
  plain: 40,
  liar: 40,
  killed: 12,
  proven: 120,
  split: 60,
  economy: 60,
  batch: 60,
  cheque: 60,
  enclave: 60,
  pair: 120,
  cipher: 120,
};

const stop = new AbortController();
const children = new Children();
process.on("exit", () => children.killAll());
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });

const folder = createRunFolder("build/run", new Date());
const presenter = createPresenter(
  (text) => void process.stdout.write(text),
  () => performance.now(),
  process.stdout.isTTY,
);
const watch = createSecretWatch();
const elapsedMs: Record<string, number> = {};
const mark = (name: string): void => void (elapsedMs[name] = Math.round(presenter.elapsedMs()));

async function main(): Promise<RunSummary> {
  presenter.title("Setting up");
  await buildContracts((text) => presenter.line(text));
  mark("contracts");
  const jobs = await planJobs(Number(values.patients), Number(values.digits), values.proofs);
  const ciphers = values.ciphers ? await planCiphers(jobs.length) : null;
  const presets = values.presets ? await planPresets(jobs.length + (ciphers === null ? 0 : 2)) : null;
  const models = [
    "models/tumor-mlp",
    "models/digits-cnn",
    ...(values.proofs ? ["models/credit-forest"] : []),
    ...(values.presets ? PRESET_MODELS : []),
  ];
  const devnet = await startDevnet({
    folder,
    workers: Number(values.workers),
    models,
    ...(values.presets ? { enclaves: ENCLAVES } : {}),
    ciphers: ciphers === null ? [] : CIPHER_MODELS,
    children,
    signal: stop.signal,
    progress: (text) => presenter.line(text),
  });
  const { hub } = devnet.deployment;
  const { wallet } = await requesterOf(devnet);
  presenter.line(
    `chain ${devnet.chain.url}, hub ${hub}, workers ${devnet.workers.map((one) => one.workerId).join(" ")}`,
  );
  const workers = devnet.workers.map(({ workerId, child }) => ({
    workerId,
    pid: child.pid,
    residentMiB: residentMiB(child.pid),
  }));
  mark("devnet");
  presenter.title("The digits that will be asked about");
  const pictures = jobs.filter(({ kind }) => kind === "plain").map(({ picture }) => picture);
  for (const part of [pictures.slice(0, 10), pictures.slice(10)])
    for (const line of sideBySide(
      part.filter((lines) => lines.length > 0),
      2,
    ))
      process.stdout.write(`  ${line}\n`);

  presenter.title("Jobs");
  const ran = await runAll(devnet, wallet, jobs, presets, ciphers);
  mark("jobs");
  presenter.title("For auditors");
  const { signal } = stop;
  const bundle = await exportRun({
    devnet,
    wallet,
    folder,
    jobs: ran.jobs,
    models: [...models, ...(ciphers === null ? [] : CIPHER_MODELS)],
    signal,
  });
  presenter.line(`${bundle.folder}: ${bundle.blocks} blocks, ${bundle.jobs.length} jobs, ${bundle.bytes} bytes`);
  watch.lookInFolder("logs", folder.logs);
  watch.lookInFolder("workers' folders", folder.workers);
  watch.lookInFolder("blocks", join(bundle.folder, "chain"));
  const { secrecy } = watch;
  mark("bundle");
  const problems = [
    ...ran.problems,
    ...secrecy.found.map((where) => `Somebody could read an encrypted job: ${where}.`),
  ];
  for (const { outcome } of ran.jobs) {
    if (!outcome.matchesProgram) problems.push(`Job ${outcome.index} differs from the integer program.`);
    if (!outcome.receiptVerified) problems.push(`The receipt of job ${outcome.index} does not verify.`);
  }
  return {
    version: 1,
    ok: problems.length === 0,
    problems,
    folder: folder.path,
    elapsedMs,
    deployment: { ...devnet.deployment },
    workers,
    jobs: ran.jobs.map(({ outcome }) => outcome).toSorted((a, b) => a.index - b.index),
    liar: ran.liar,
    killed: ran.killed,
    secrecy,
    audit: { root: bundle.root, headHash: bundle.headHash, replay: replayCommand(bundle) },
  };
}

/** A requester with a deposit, and what its jobs need. */
async function requesterOf(devnet: Devnet) {
  const { hub, fromBlock } = devnet.deployment;
  writeDevnetFile(devnet, folder);
  meterFetch(devnet.chain.url, watch);
  const wallet = connectWallet({
    rpcUrl: devnet.chain.url,
    hub,
    fromBlock: BigInt(fromBlock),
    privateKey: devnet.requesterKey,
    pollMs: 250,
  });
  await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 1_000n * TOKEN }) });
  const { receipts } = folder;
  return { wallet, options: { wallet, hub, presenter, receipts, signal: stop.signal, queue: createQueue() } };
}

interface RanAll {
  readonly jobs: readonly RanJob[];
  readonly problems: readonly string[];
  readonly liar: RunSummary["liar"];
  readonly killed: RunSummary["killed"];
}

async function runAll(
  devnet: Devnet,
  wallet: AssayWallet,
  jobs: readonly PlannedJob[],
  presets: PlannedPresets | null,
  ciphers: CipherJobs | null,
): Promise<RanAll> {
  const queue = createQueue();
  const problems: string[] = [];
  const done: RanJob[] = [];
  const run = async (
    job: PlannedJob,
    more: Pick<RunJobOptions, "beforeDelivery" | "onStage"> = {},
    input?: JoinedInput,
  ) => {
    try {
      const tWork = T_WORK[job.kind];
      const { hub } = devnet.deployment;
      const { receipts } = folder;
      const { enclaves } = devnet;
      const common = { wallet, hub, presenter, receipts, signal: stop.signal, queue, tWork, enclaves, watch };
      const result = await runJob(job, { ...common, ...more }, input);
      done.push(result);
      return result;
    } catch (error) {
      problems.push(`Job ${job.index} failed: ${error instanceof Error ? error.message : String(error)}`);
      presenter.job(job.index, "problem", String(error));
      return undefined;
    }
  };
  const special = (kind: string) => jobs.find((job) => job.kind === kind);

  // The liar's job takes longest: outvoted it challenges, eleven fresh seats rule, and a window must pass. It needs all
  // sixteen workers, so it begins first; the other jobs run while its window passes.
  const liarJob = special("liar");
  let liarId = 0;
  const liarRun =
    liarJob === undefined
      ? undefined
      : run(liarJob, {
          beforeDelivery: async (seats) => {
            liarId = seats[2] ?? 0;
            await devnet.setFault(devnet.workerOf(liarId), "wrong-digest");
            presenter.job(
              liarJob.index,
              "fault",
              `seat 2, worker ${liarId}, will lie and insist; only now is the input released`,
            );
          },
        });
  if (liarJob !== undefined) await waitFor(() => liarId !== 0 || problems.length > 0, 60_000, stop.signal);
  if (liarRun !== undefined && liarId !== 0) {
    // It holds seats in the other jobs too: once eleven fresh seats have confirmed the truth, it is made honest.
    await ruled(liarRun, wallet, stop.signal);
    await devnet.setFault(devnet.workerOf(liarId), "none");
  }

  // Those with a window first: it passes while the others run.
  const windowed = presets === null ? [] : [presets.split, presets.economy, ...presets.enclaves];
  const waiting = windowed.map(async (job) => run(job));
  const image = presets === null ? undefined : run(presets.cheque.image);
  const plain = [...(presets === null ? [] : [presets.batch]), ...jobs.filter(({ kind }) => kind === "plain")];
  const running: Promise<unknown>[] = [];
  for (const [index, job] of plain.entries()) {
    if (index % BATCH === 0) await pause(1_000);
    running.push(run(job));
  }
  await Promise.all(running);

  // Making keys and sealing megabytes of them keeps this thread busy, so that calls of other jobs would run out of time: alone.
  const encrypted = (ciphers === null ? [] : [ciphers.patients, ciphers.digit]).map((job) => {
    const { promise: voted, resolve } = Promise.withResolvers<void>();
    let stages = job.manifest.stages.length;
    const onStage = (stage: string): void => (stage === "tallied" && --stages === 0 ? resolve() : undefined);
    return { voted, ended: run(job, { onStage }).finally(resolve) };
  });
  await Promise.all(encrypted.map(async ({ voted }) => voted));

  // One worker proves what five would have voted on. All of them work on these two cores, so the provers come alone.
  const amount = presets === null ? undefined : run(presets.cheque.amount);
  const pair = presets === null ? undefined : run(presets.pair);
  await Promise.all(jobs.filter(({ kind }) => kind === "proven").map(async (job) => run(job)));
  if (presets !== null)
    problems.push(...(await joinCheque(presets.cheque, await image, await amount, { wallet, run })));
  await Promise.all([...waiting, pair]);

  // Only when no other job needs its seat is a worker killed: of encrypted ones only the windows still pass.
  const killedJob = special("killed");
  let killed: RanAll["killed"] = null;
  if (killedJob !== undefined) {
    let victim = 0;
    const result = await run(killedJob, {
      beforeDelivery: async (seats) => {
        victim = seats[1] ?? 0;
        const worker = devnet.workerOf(victim);
        worker.child.kill("SIGKILL");
        await worker.child.exited;
        presenter.job(killedJob.index, "fault", `seat 1, worker ${victim}, was killed; only now is the input released`);
      },
    });
    const offence = result?.slashes.find(({ workerId }) => workerId === victim)?.offence ?? 0;
    let restarted = false;
    if (victim !== 0) {
      const again = await devnet.restart(devnet.workerOf(victim).index);
      restarted = (await fetch(new URL("/readyz", again.monitorUrl))).ok || (await becomesReady(again.monitorUrl));
      presenter.job(
        killedJob.index,
        "restarted",
        `worker ${victim} is ${restarted ? "back, from its journal" : "NOT ready"}`,
      );
    }
    if (result !== undefined && offence !== 3) problems.push(`The killed worker ${victim} was not slashed as absent.`);
    if (!restarted) problems.push(`The killed worker ${victim} did not come back.`);
    killed = { workerId: victim, offence: `slashed as ${OFFENCES[offence] ?? offence}`, restarted };
  }
  await Promise.all(encrypted.map(async ({ ended }) => ended));
  const liarResult = await liarRun;
  const slash = liarResult?.slashes.find(({ workerId, offence }) => workerId === liarId && offence === 1);
  if (liarRun !== undefined && slash === undefined) problems.push(`The liar ${liarId} was not slashed.`);
  const strays = done.flatMap(({ slashes, outcome }) =>
    slashes.filter(({ workerId }) => workerId !== liarId && workerId !== killed?.workerId).map(() => outcome.index),
  );
  for (const index of strays) problems.push(`An honest worker was slashed in job ${index}.`);
  return {
    jobs: done,
    problems,
    liar:
      slash === undefined ? null : { workerId: liarId, slashed: tokens(slash.amount), burned: tokens(slash.burned) },
    killed,
  };
}

/** A vote over both branches' results; then the three receipts together. Returns what went wrong. */
async function joinCheque(
  { fusion }: PlannedCheque,
  image: RanJob | undefined,
  amount: RanJob | undefined,
  {
    wallet,
    run,
  }: {
    readonly wallet: AssayWallet;
    readonly run: (job: PlannedJob, more: undefined, input: JoinedInput) => Promise<RanJob | undefined>;
  },
): Promise<readonly string[]> {
  if (image === undefined || amount === undefined) return ["The cheque's branches did not both end."];
  const branches = [image, amount];
  const input = await wallet.joinResults({ manifest: fusion.manifest, branches: branches.map(({ branch }) => branch) });
  const joined = await run(fusion, undefined, input);
  if (joined === undefined) return [];
  const bytes = (ran: RanJob) => new Uint8Array(readFileSync(ran.outcome.receipt));
  const { ok, checks } = await verifyJoinedFiles(bytes(joined), branches.map(bytes));
  if (ok) {
    presenter.job(fusion.index, "verified", `three receipts hold together, ${checks.length} checks, offline`);
    return [];
  }
  const bad = checks.filter((check) => !check.ok).map(({ name, detail }) => `${name}: ${detail}`);
  return [`The cheque's receipts do not hold together: ${bad.join("; ")}`];
}

const becomesReady = async (monitorUrl: string): Promise<boolean> =>
  waitFor(
    async () => (await fetch(new URL("/readyz", monitorUrl)).catch(() => undefined))?.ok ?? false,
    20_000,
    stop.signal,
  );

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Liars only. */
async function faults(): Promise<boolean> {
  presenter.title("Setting up");
  await buildContracts((text) => presenter.line(text));
  const devnet = await startDevnet({
    folder,
    workers: Number(values.workers),
    models: FAULT_MODELS,
    ciphers: FAULT_CIPHERS,
    enclaves: faultEnclaves(Number(values.workers)),
    children,
    signal: stop.signal,
    progress: (text) => presenter.line(text),
  });
  const { wallet, options } = await requesterOf(devnet);
  presenter.title("Liars");
  const outcomes = await runFaults({ devnet, wallet, presenter, options });
  folder.writeJson("faults.json", { version: 1, outcomes });
  presenter.title("What became of them");
  process.stdout.write(`${printFaults(outcomes)}\n\nReceipts, logs and faults.json: ${folder.path}\n`);
  return outcomes.every(({ problems }) => problems.length === 0);
}

/** Every preset. */
async function everything(): Promise<boolean> {
  const summary = await main();
  mark("total");
  folder.writeJson("summary.json", { ...summary, elapsedMs });
  presenter.title("Summary");
  process.stdout.write(`${printSummary(summary)}\n`);
  return summary.ok;
}

try {
  process.exitCode = (await (values.faults ? faults() : everything())) ? 0 : 1;
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\nLogs: ${folder.logs}\n`);
  process.exitCode = stop.signal.aborted ? 130 : 1;
} finally {
  await children.stopAll(4_000);
}
