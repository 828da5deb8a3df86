// SPDX-License-Identifier: MIT
import type { TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

export type AdvanceEpochReturnType = TransactionReceipt;

/** Ends an epoch that ran its time. Anyone. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function advanceEpoch(chain: Chain): Promise<AdvanceEpochReturnType> {
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "advanceEpoch",
    args: [],
  });
}
