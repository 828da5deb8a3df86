// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs } from "viem";
import { getBlockNumber, getLogs } from "viem/actions";
import { assayHubAbi } from "./abi/assay-hub.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

type Hex = `0x${string}`;

export interface PlanTold {
  readonly plan: Hex;
  readonly blockNumber: bigint;
}

const SCHEDULED = getAbiItem({ abi: assayHubAbi, name: "Scheduled" });

/** What a hub was told about who runs which stage of a job, in chain order, since its request. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listPlans(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { jobId, fromBlock, maxRange }: { readonly jobId: Hex; readonly fromBlock: bigint; readonly maxRange: bigint },
): Promise<readonly PlanTold[]> {
  try {
    const head = await getBlockNumber(chain.client, { cacheTime: 0 });
    const told: PlanTold[] = [];
    for (let from = fromBlock; from <= head; from += maxRange) {
      const to = from + maxRange - 1n < head ? from + maxRange - 1n : head;
      const query = { address: chain.contracts.hub, event: SCHEDULED, args: { jobId }, fromBlock: from, toBlock: to };
      for (const one of parseEventLogs({
        abi: assayHubAbi,
        eventName: "Scheduled",
        logs: await getLogs(chain.client, query),
      }))
        // prettier-ignore
        told.push({ plan: one.args.plan, blockNumber: one.blockNumber });
    }
    return told;
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
