// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs, type ContractFunctionArgs } from "viem";
import { getLogs } from "viem/actions";
import { modelRegistryAbi } from "./abi/model-registry.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

export type PublishedManifest = ContractFunctionArgs<typeof modelRegistryAbi, "nonpayable", "register">[0];

const EVENT = getAbiItem({ abi: modelRegistryAbi, name: "ModelRegistered" });

/** The manifest behind a model id, from its registration; empty if there is none. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listManifests(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { modelId, fromBlock }: { readonly modelId: `0x${string}`; readonly fromBlock: bigint },
): Promise<readonly PublishedManifest[]> {
  try {
    const logs = await getLogs(chain.client, {
      address: chain.contracts.registry,
      event: EVENT,
      args: { modelId },
      fromBlock,
      toBlock: "latest",
    });
    return parseEventLogs({ abi: modelRegistryAbi, eventName: "ModelRegistered", logs }).map(
      ({ args }) => args.manifest,
    );
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
