// SPDX-License-Identifier: MIT
import type { Address, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

export interface WithdrawBondsParameters {
  readonly referee: Address;
}
export type WithdrawBondsReturnType = TransactionReceipt;

/** Takes what the referee owes the account: bonds that came back, and halves of others' that it won. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function withdrawBonds(
  chain: Chain,
  { referee }: WithdrawBondsParameters,
): Promise<WithdrawBondsReturnType> {
  return writeContract(chain, { address: referee, abi: cipherRefereeAbi, functionName: "withdraw", args: [] });
}
