// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "challenge">;

export interface ChallengeStageParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly stage: Args[2];
}
export type ChallengeStageReturnType = TransactionReceipt;

/** Has a stage voted again by a larger committee; takes a bond from the account's free balance. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function challengeStage(
  chain: Chain,
  parameters: ChallengeStageParameters,
): Promise<ChallengeStageReturnType> {
  const { job, record, stage } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "challenge",
    args: [job, record, stage],
    jobId: parameters.jobId,
  });
}
