// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "timeout">;

export interface TimeoutGameParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
}
export type TimeoutGameReturnType = TransactionReceipt;

/** Ends a game whose mover is late; anyone may. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function timeoutGame(chain: Chain, parameters: TimeoutGameParameters): Promise<TimeoutGameReturnType> {
  const { referee, jobId, game } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "timeout",
    args: [game],
    jobId,
  });
}
