// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs } from "viem";
import { getLogs } from "viem/actions";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

const EVENT = getAbiItem({ abi: stakeVaultAbi, name: "WorkerRegistered" });

/** Workers registered with a signer; the vault allows one. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listWorkerIds(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { signer, fromBlock }: { readonly signer: `0x${string}`; readonly fromBlock: bigint },
): Promise<readonly number[]> {
  try {
    const logs = await getLogs(chain.client, {
      address: chain.contracts.vault,
      event: EVENT,
      args: { signer },
      fromBlock,
      toBlock: "latest",
    });
    return parseEventLogs({ abi: stakeVaultAbi, eventName: "WorkerRegistered", logs }).map(({ args }) => args.workerId);
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
