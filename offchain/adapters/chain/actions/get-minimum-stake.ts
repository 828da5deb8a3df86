// SPDX-License-Identifier: MIT
import type { ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetMinimumStakeReturnType = ContractFunctionReturnType<
  typeof stakeVaultAbi,
  "pure" | "view",
  "minimumStake"
>;

/** Least stake that may hold tickets, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getMinimumStake(chain: Chain): Promise<GetMinimumStakeReturnType> {
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "minimumStake",
    args: [],
  });
}
