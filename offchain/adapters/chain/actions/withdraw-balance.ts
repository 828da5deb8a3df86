// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "withdraw">;

export interface WithdrawBalanceParameters {
  readonly amount: Args[0];
  readonly to: Args[1];
}
export type WithdrawBalanceReturnType = TransactionReceipt;

/** Pays free balance out. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function withdrawBalance(
  chain: Chain,
  parameters: WithdrawBalanceParameters,
): Promise<WithdrawBalanceReturnType> {
  const { amount, to } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "withdraw",
    args: [amount, to],
  });
}
