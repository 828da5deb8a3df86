// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "challenge">;

export interface ChallengeDefenceParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly defence: Args[2];
}
export type ChallengeDefenceReturnType = TransactionReceipt;

/** Opens a game against whoever stands for a digest, with the same bond. A reorganisation may give the number to another: wait until the defence is deep enough. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function challengeDefence(
  chain: Chain,
  parameters: ChallengeDefenceParameters,
): Promise<ChallengeDefenceReturnType> {
  const { referee, jobId, job, record, defence } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "challenge",
    args: [job, record, defence],
    jobId,
  });
}
