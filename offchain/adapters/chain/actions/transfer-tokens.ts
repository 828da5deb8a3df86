// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { devTokenAbi } from "../abi/dev-token.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof devTokenAbi, "nonpayable", "transfer">;

export interface TransferTokensParameters {
  readonly to: Args[0];
  readonly amount: Args[1];
}
export type TransferTokensReturnType = TransactionReceipt;

/** Sends tokens of the account. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function transferTokens(
  chain: Chain,
  parameters: TransferTokensParameters,
): Promise<TransferTokensReturnType> {
  const { to, amount } = parameters;
  return writeContract(chain, {
    address: chain.contracts.token,
    abi: devTokenAbi,
    functionName: "transfer",
    args: [to, amount],
  });
}
