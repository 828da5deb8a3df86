// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "applyChanges">;

export interface ApplyChangesParameters {
  readonly changes: Args[0];
}
export type ApplyChangesReturnType = TransactionReceipt;

/** Changes the next ticket table (second half of an epoch; at once at version 0). Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function applyChanges(chain: Chain, parameters: ApplyChangesParameters): Promise<ApplyChangesReturnType> {
  const { changes } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "applyChanges",
    args: [changes],
  });
}
