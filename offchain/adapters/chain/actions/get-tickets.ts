// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "tickets">;

export interface GetTicketsParameters {
  readonly version: Args[0];
  readonly ticketClass: Args[1];
  readonly from: Args[2];
  readonly count: Args[3];
}
export type GetTicketsReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "tickets">;

/** Cells of a class at a readable version. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTickets(chain: Chain, parameters: GetTicketsParameters): Promise<GetTicketsReturnType> {
  const { version, ticketClass, from, count } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "tickets",
    args: [version, ticketClass, from, count],
  });
}
