// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "proveStep">;

export interface ProveStepParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
  readonly facts: Args[1];
  readonly proof: Args[2];
}
export type ProveStepReturnType = TransactionReceipt;

/** A defender's last move: the operation that makes the residue. Wins the game or reverts. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function proveStep(chain: Chain, parameters: ProveStepParameters): Promise<ProveStepReturnType> {
  const { referee, jobId, game, facts, proof } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "proveStep",
    args: [game, facts, proof],
    jobId,
  });
}
