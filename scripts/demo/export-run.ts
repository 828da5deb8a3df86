// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { exportBundle, type ExportReport } from "../../offchain/audit/bundle/export-bundle.ts";
import { encodeReceipt } from "../../offchain/core/receipt.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { Devnet } from "./devnet.ts";
import type { RanJob } from "./run-job.ts";
import type { RunFolder } from "./run-folder.ts";

export interface ExportRunOptions {
  readonly devnet: Devnet;
  readonly wallet: AssayWallet;
  readonly folder: RunFolder;
  readonly jobs: readonly RanJob[];
  /** Folders of the models that the jobs used. */
  readonly models: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Writes what an auditor needs to do the whole run again, with every input opened, for all of them are public test data; of encrypted ones the ciphertexts and evaluation keys. While the chain still
 * runs. Errors: those of `exportBundle`.
 */
export async function exportRun(options: ExportRunOptions): Promise<ExportReport> {
  const { devnet, wallet, folder, jobs, models, signal } = options;
  const { chainId, hub, fromBlock } = devnet.deployment;
  const rpcUrl = devnet.chain.url;
  const chain = await createChain(
    { rpcUrl, chainId, hub },
    { clock: systemClock, random: Math.random, signal, logger: silentLogger },
  );
  return exportBundle(
    {
      folder: join(folder.path, "bundle"),
      rpcUrl,
      fromBlock,
      models,
      signal,
      jobs: jobs.map(({ receipt }) => receipt.jobId),
      receipts: new Map(
        jobs.map(({ receipt, outcome }) => [receipt.jobId, new Uint8Array(readFileSync(outcome.receipt))]),
      ),
      openings: new Map(jobs.map(({ receipt, opening }) => [receipt.jobId, opening])),
    },
    { chain, receiptOf: async (jobId) => encodeReceipt(await wallet.getReceipt({ jobId })) },
  );
}

/** The command that does it again, on any machine with this repository. */
export const replayCommand = ({ folder, root, headHash }: Pick<ExportReport, "folder" | "root" | "headHash">): string =>
  `npx assay audit replay ${folder} --root ${root} --head ${headHash}`;
