// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs } from "viem";
import { getLogs } from "viem/actions";
import { workerBeaconAbi } from "./abi/worker-beacon.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

const EVENT = getAbiItem({ abi: workerBeaconAbi, name: "ChainRegistered" });

/** Versions from which the worker's hash chains served, oldest first: each names the secret of one. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listBeaconChains(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { workerId, fromBlock }: { readonly workerId: number; readonly fromBlock: bigint },
): Promise<readonly { readonly head: `0x${string}`; readonly from: number }[]> {
  try {
    const logs = await getLogs(chain.client, {
      address: chain.contracts.randomness,
      event: EVENT,
      args: { workerId },
      fromBlock,
      toBlock: "latest",
    });
    return parseEventLogs({ abi: workerBeaconAbi, eventName: "ChainRegistered", logs }).map(({ args }) => args);
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
