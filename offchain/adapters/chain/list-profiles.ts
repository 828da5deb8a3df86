// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs } from "viem";
import { getLogs } from "viem/actions";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

export interface PublishedProfile {
  readonly workerId: number;
  readonly profile: {
    readonly transportId: `0x${string}`;
    readonly sealKey: `0x${string}`;
    readonly capabilities: bigint;
    readonly expiry: number;
    readonly endpoints: string;
  };
}

const EVENTS = [
  getAbiItem({ abi: stakeVaultAbi, name: "WorkerRegistered" }),
  getAbiItem({ abi: stakeVaultAbi, name: "ProfileUpdated" }),
] as const;

/** The newest published profile of each worker. Two filtered queries, whatever the chain's length. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listProfiles(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { workerIds, fromBlock }: { readonly workerIds: readonly number[]; readonly fromBlock: bigint },
): Promise<readonly PublishedProfile[]> {
  if (workerIds.length === 0) return [];
  const newest = new Map<number, PublishedProfile>();
  try {
    for (const event of EVENTS) {
      const logs = await getLogs(chain.client, {
        address: chain.contracts.vault,
        event,
        args: { workerId: [...workerIds] },
        fromBlock,
        toBlock: "latest",
      });
      for (const { args } of parseEventLogs({
        abi: stakeVaultAbi,
        eventName: ["WorkerRegistered", "ProfileUpdated"],
        logs,
      }))
        newest.set(args.workerId, { workerId: args.workerId, profile: args.profile });
    }
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
  return [...newest.values()];
}
