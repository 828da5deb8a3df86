// SPDX-License-Identifier: GPL-3.0-or-later
// What a whole worker process needs at most while it answers a stage over ciphertexts: six real workers, one job, the kernel's own mark.
import { buildContracts } from "../../scripts/demo/build-contracts.ts";
import { Children } from "../../scripts/demo/children.ts";
import { startDevnet } from "../../scripts/demo/devnet.ts";
import { CIPHER_MODELS, planCiphers } from "../../scripts/demo/plan-ciphers.ts";
import { createPresenter } from "../../scripts/demo/presenter.ts";
import { createQueue } from "../../scripts/demo/queue.ts";
import { peakResidentMiB } from "../../scripts/demo/resident.ts";
import { createRunFolder } from "../../scripts/demo/run-folder.ts";
import { runJob } from "../../scripts/demo/run-job.ts";
import { connectWallet } from "../../offchain/sdk/node/connect.ts";
import type { BenchRow } from "../../scripts/bench.ts";

/** Two stages of three seats. */
const [WORKERS, SEATS] = [6, 3];
const TOKEN = 10n ** 18n;
const MIB = 2 ** 20;

/** Reports the largest worker before the job, and the largest that it became. Every worker has a seat. */
export async function measureWorkerMemory(
  report: (row: BenchRow) => void,
  progress: (text: string) => void,
): Promise<void> {
  const children = new Children();
  process.once("exit", () => children.killAll());
  const { signal } = new AbortController();
  const folder = createRunFolder("build/run", new Date());
  try {
    await buildContracts(progress);
    const devnet = await startDevnet({
      folder,
      workers: WORKERS,
      models: [],
      ciphers: CIPHER_MODELS,
      children,
      signal,
      progress,
    });
    const { hub, fromBlock } = devnet.deployment;
    const wallet = connectWallet({
      rpcUrl: devnet.chain.url,
      hub,
      fromBlock: BigInt(fromBlock),
      privateKey: devnet.requesterKey,
      pollMs: 250,
    });
    await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 100n * TOKEN }) });
    const presenter = createPresenter(
      () => undefined,
      () => performance.now(),
      false,
    );
    const peak = () => Math.max(...devnet.workers.map(({ child }) => peakResidentMiB(child.pid)));
    const name = "digits-mlp-poly";
    report({ case: name, metric: "idle_worker_rss_bytes", value: peak() * MIB, unit: "B" });
    const { digit } = await planCiphers(0);
    const { outcome } = await runJob(digit, {
      wallet,
      hub,
      presenter,
      receipts: folder.receipts,
      signal,
      queue: createQueue(),
      tWork: 60,
      policy: { k: SEATS },
    });
    if (!outcome.matchesProgram) throw new TypeError("the answer is not the program's");
    report({ case: name, metric: "worker_rss_bytes", value: peak() * MIB, unit: "B" });
  } finally {
    await children.stopAll(5_000);
  }
}
