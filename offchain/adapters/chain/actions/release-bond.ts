// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "release">;

export interface ReleaseBondParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly defence: Args[0];
}
export type ReleaseBondReturnType = TransactionReceipt;

/** Frees an undefeated defender's bond once its job is over; anyone may. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function releaseBond(chain: Chain, parameters: ReleaseBondParameters): Promise<ReleaseBondReturnType> {
  const { referee, jobId, defence } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "release",
    args: [defence],
    jobId,
  });
}
