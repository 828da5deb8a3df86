// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "beginUnbond">;

export interface BeginUnbondParameters {
  readonly workerId: Args[0];
  readonly amount: Args[1];
}
export type BeginUnbondReturnType = TransactionReceipt;

/** Starts to take stake out; it stays slashable meanwhile. Owner only. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function beginUnbond(chain: Chain, parameters: BeginUnbondParameters): Promise<BeginUnbondReturnType> {
  const { workerId, amount } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "beginUnbond",
    args: [workerId, amount],
  });
}
