// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "withdraw">;

export interface WithdrawStakeParameters {
  readonly workerId: Args[0];
  readonly to: Args[1];
}
export type WithdrawStakeReturnType = TransactionReceipt;

/** Sends unbonded tokens. Owner only. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function withdrawStake(
  chain: Chain,
  parameters: WithdrawStakeParameters,
): Promise<WithdrawStakeReturnType> {
  const { workerId, to } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "withdraw",
    args: [workerId, to],
  });
}
