// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "ticketsOf">;

export interface GetTicketsOfParameters {
  readonly workerId: Args[0];
  readonly ticketClass: Args[1];
}
export type GetTicketsOfReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "ticketsOf">;

/** Tickets of a worker in the table being changed. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTicketsOf(chain: Chain, parameters: GetTicketsOfParameters): Promise<GetTicketsOfReturnType> {
  const { workerId, ticketClass } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "ticketsOf",
    args: [workerId, ticketClass],
  });
}
