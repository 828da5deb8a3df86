// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "reclaim">;

export interface ReclaimBondParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
}
export type ReclaimBondReturnType = TransactionReceipt;

/** Frees the bond of a challenger whose game ended because another one defeated the defence; anyone may. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function reclaimBond(chain: Chain, parameters: ReclaimBondParameters): Promise<ReclaimBondReturnType> {
  const { referee, jobId, game } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "reclaim",
    args: [game],
    jobId,
  });
}
