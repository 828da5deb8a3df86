// SPDX-License-Identifier: MIT
import type { ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetEpochReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "epoch">;

/** The ticket table's clock. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getEpoch(chain: Chain): Promise<GetEpochReturnType> {
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "epoch",
    args: [],
  });
}
