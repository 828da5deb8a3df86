// SPDX-License-Identifier: MIT
import type { Log } from "viem";
import { getLogs } from "viem/actions";
import type { Chain } from "./chain.ts";
import { decodeEvents, type HubEvent, type RegistryEvent, type VaultEvent } from "./decode-events.ts";
import { toChainError } from "./decode-revert.ts";

export interface HistoryRange {
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
  /** Most blocks in one `eth_getLogs`. */
  readonly maxRange?: bigint;
  readonly onProgress?: (block: bigint) => void;
}

/** Everything that a deployment's contracts said in these blocks, in chain order. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function readHistory(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { fromBlock, toBlock, maxRange = 5_000n, onProgress }: HistoryRange,
): Promise<readonly (HubEvent | VaultEvent | RegistryEvent)[]> {
  const { hub, vault, registry } = chain.contracts;
  const logs: Log[] = [];
  for (let from = fromBlock; from <= toBlock; from += maxRange) {
    const to = from + maxRange - 1n < toBlock ? from + maxRange - 1n : toBlock;
    const range = { address: [hub, vault, registry], fromBlock: from, toBlock: to };
    const some = await getLogs(chain.client, range).catch((error: unknown) => {
      throw toChainError(error, "eth_getLogs", chain.errors);
    });
    for (const log of some) logs.push(log);
    onProgress?.(to);
  }
  const events = decodeEvents(chain.contracts, logs);
  return [...events.hub, ...events.vault, ...events.registry].toSorted(
    (a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex,
  );
}
