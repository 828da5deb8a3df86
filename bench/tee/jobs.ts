// SPDX-License-Identifier: GPL-3.0-or-later
// One model's jobs, inside an enclave and by a plain committee of five, on a devnet of real processes in one run. SIMULATED enclaves.
import { connectWallet } from "../../offchain/sdk/node/connect.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { buildContracts } from "../../scripts/demo/build-contracts.ts";
import { Children } from "../../scripts/demo/children.ts";
import { startDevnet } from "../../scripts/demo/devnet.ts";
import type { PlannedJob } from "../../scripts/demo/plan-jobs.ts";
import { ENCLAVE_MODEL, planPresets } from "../../scripts/demo/plan-presets.ts";
import { createPresenter } from "../../scripts/demo/presenter.ts";
import { createQueue } from "../../scripts/demo/queue.ts";
import { createRunFolder } from "../../scripts/demo/run-folder.ts";
import { runJob, type RanJob } from "../../scripts/demo/run-job.ts";
import { median } from "../../scripts/demo/summary.ts";
import { meterFetch } from "../../scripts/demo/wire-bytes.ts";

const TOKEN = 10n ** 18n;
/** What twelve candidates of a sampled job need. */
const WORKERS = 12;
const JOBS = 3;
const WORK_SEC = 60;

type Report = (row: BenchRow) => void;

export async function enclaveJobs(report: Report, progress: (text: string) => void): Promise<void> {
  const children = new Children();
  process.once("exit", () => children.killAll());
  try {
    await measure(children, report, progress);
  } finally {
    await children.stopAll(5_000);
  }
}

async function measure(children: Children, report: Report, progress: (text: string) => void): Promise<void> {
  await buildContracts(progress);
  const folder = createRunFolder("build/run", new Date());
  const { signal } = new AbortController();
  const machines = { model: ENCLAVE_MODEL, platforms: 1 };
  const devnet = await startDevnet({ folder, workers: WORKERS, models: [ENCLAVE_MODEL], enclaves: machines, children, signal, progress }); // prettier-ignore
  meterFetch(devnet.chain.url);
  const { hub, fromBlock } = devnet.deployment;
  const privateKey = devnet.requesterKey;
  const wallet = connectWallet({ rpcUrl: devnet.chain.url, hub, fromBlock: BigInt(fromBlock), privateKey, pollMs: 100 }); // prettier-ignore
  await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 1_000n * TOKEN }) });
  const presenter = createPresenter(
    () => undefined,
    () => performance.now(),
    false,
  );
  const { receipts } = folder;
  const { enclaves } = devnet;
  const options = { wallet, hub, presenter, receipts, signal, queue: createQueue(), tWork: WORK_SEC, enclaves };
  const [planned] = (await planPresets(1)).enclaves;
  if (planned === undefined) throw new RangeError("no job of an enclave is planned");
  const { preset: _, ...plain } = planned;
  // Nothing is audited here: chance would decide what is measured.
  const inside = await several(planned, async (job) => runJob(job, { ...options, policy: { auditBps: 0 } }));
  const voted = await several({ ...plain, kind: "plain" }, async (job) => runJob(job, options));
  const name = `${planned.model}, ${JOBS} jobs one by one, SIMULATED enclaves`;
  const compare = (metric: string, unit: string, of: (ran: RanJob) => number): void => {
    const [own, other] = [median(inside.map(of)), median(voted.map(of))];
    report({ case: name, metric: `fast-enclave, ${metric}`, value: own, unit });
    report({ case: name, metric: `general-vote, ${metric}`, value: other, unit, baseline: "fast-enclave", ratio: other / own }); // prettier-ignore
  };
  const phase = (ran: RanJob, ...names: readonly string[]): number =>
    names.map((one) => ran.outcome.phasesMs[one]).find((ms) => ms !== undefined) ?? Number.NaN;
  // Votes are final with the answer; one that is sampled is open to challenge for its window first.
  compare("request to answer on chain", "s", (ran) => phase(ran, "opened", "final") / 1_000);
  compare("request to final", "s", (ran) => phase(ran, "final") / 1_000);
  compare("gas", "gas", ({ outcome }) => outcome.gas);
  compare("bytes from and to the client", "B", ({ outcome }) => outcome.wireBytes);
  compare("fee", "DEV", ({ outcome }) => Number(BigInt(outcome.fee.paid) / 10n ** 14n) / 10_000);
}

/** The first loads models and keys, and is not counted. */
async function several(job: PlannedJob, run: (job: PlannedJob) => Promise<RanJob>): Promise<readonly RanJob[]> {
  const ran: RanJob[] = [];
  for (let i = 0; i <= JOBS; i++) {
    const one = await run(job);
    if (!one.outcome.correct || !one.outcome.receiptVerified)
      throw new RangeError(`job ${i} of ${job.kind} went wrong`);
    ran.push(one);
  }
  return ran.slice(1);
}
