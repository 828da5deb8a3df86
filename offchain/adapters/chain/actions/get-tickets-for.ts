// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "ticketsFor">;

export interface GetTicketsForParameters {
  readonly stake: Args[0];
}
export type GetTicketsForReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "ticketsFor">;

/** Tickets that a stake backs. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTicketsFor(
  chain: Chain,
  parameters: GetTicketsForParameters,
): Promise<GetTicketsForReturnType> {
  const { stake } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "ticketsFor",
    args: [stake],
  });
}
