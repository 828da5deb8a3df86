// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "deposit">;

export interface DepositBalanceParameters {
  readonly amount: Args[0];
}
export type DepositBalanceReturnType = TransactionReceipt;

/** Adds approved tokens to the account's free balance. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function depositBalance(
  chain: Chain,
  parameters: DepositBalanceParameters,
): Promise<DepositBalanceReturnType> {
  const { amount } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "deposit",
    args: [amount],
  });
}
