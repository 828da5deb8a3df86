// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs } from "viem";
import { getLogs } from "viem/actions";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

export interface Holding {
  readonly ticketClass: number;
  /** In the table being changed; at least 1. */
  readonly tickets: number;
}

const EVENT = getAbiItem({ abi: stakeVaultAbi, name: "TicketsChanged" });

/** The classes a worker holds tickets in. From events: classes are anybody's to open, so they cannot be walked. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listHoldings(
  chain: Pick<Chain, "client" | "contracts" | "errors">,
  { workerId, fromBlock }: { readonly workerId: number; readonly fromBlock: bigint },
): Promise<readonly Holding[]> {
  try {
    const logs = await getLogs(chain.client, {
      address: chain.contracts.vault,
      event: EVENT,
      args: { workerId },
      fromBlock,
      toBlock: "latest",
    });
    const held = new Map<number, number>();
    for (const { args } of parseEventLogs({ abi: stakeVaultAbi, eventName: "TicketsChanged", logs }))
      held.set(args.ticketClass, args.tickets);
    return [...held].filter(([, tickets]) => tickets > 0).map(([ticketClass, tickets]) => ({ ticketClass, tickets }));
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
