// SPDX-License-Identifier: GPL-3.0-or-later
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { readHistory } from "../../adapters/chain/read-history.ts";
import { fairnessReport, type FairnessReport } from "./fairness-report.ts";
import { joinHistory } from "./history.ts";

export interface FairnessQuery {
  /** The deployment's block: a later one knows only the tickets changed since. */
  readonly fromBlock: bigint;
  /** The newest block by default. */
  readonly toBlock?: bigint | undefined;
  readonly onProgress?: (block: bigint, last: bigint) => void;
}

/** Reads a deployment's events and reports on them. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function measureFairness(chain: Chain, query: FairnessQuery): Promise<FairnessReport> {
  const { fromBlock } = query;
  const toBlock = query.toBlock ?? (await getHead(chain)).number;
  const events = await readHistory(chain, {
    fromBlock,
    toBlock,
    onProgress: (block) => query.onProgress?.(block, toBlock),
  });
  return fairnessReport(joinHistory(events), {
    chainId: chain.chainId,
    hub: chain.contracts.hub,
    fromBlock: Number(fromBlock),
    toBlock: Number(toBlock),
  });
}
