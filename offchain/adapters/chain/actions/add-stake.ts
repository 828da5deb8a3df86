// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "stake">;

export interface AddStakeParameters {
  readonly workerId: Args[0];
  readonly amount: Args[1];
}
export type AddStakeReturnType = TransactionReceipt;

/** Adds approved tokens to a worker's stake. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function addStake(chain: Chain, parameters: AddStakeParameters): Promise<AddStakeReturnType> {
  const { workerId, amount } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "stake",
    args: [workerId, amount],
  });
}
