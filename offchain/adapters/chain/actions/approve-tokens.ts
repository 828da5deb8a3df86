// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { devTokenAbi } from "../abi/dev-token.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof devTokenAbi, "nonpayable", "approve">;

export interface ApproveTokensParameters {
  readonly spender: Args[0];
  readonly amount: Args[1];
}
export type ApproveTokensReturnType = TransactionReceipt;

/** Lets a contract take tokens of the account. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function approveTokens(
  chain: Chain,
  parameters: ApproveTokensParameters,
): Promise<ApproveTokensReturnType> {
  const { spender, amount } = parameters;
  return writeContract(chain, {
    address: chain.contracts.token,
    abi: devTokenAbi,
    functionName: "approve",
    args: [spender, amount],
  });
}
