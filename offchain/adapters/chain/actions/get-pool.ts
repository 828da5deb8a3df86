// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "pool">;

export interface GetPoolParameters {
  readonly ticketClass: Args[0];
}
export type GetPoolReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "pool">;

/** Table version, distinct workers, ticketed stake of a class. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getPool(chain: Chain, parameters: GetPoolParameters): Promise<GetPoolReturnType> {
  const { ticketClass } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "pool",
    args: [ticketClass],
  });
}
