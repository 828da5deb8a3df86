// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "propose">;

export interface ProposeAnswerParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly commitment: Args[2];
}
export type ProposeAnswerReturnType = TransactionReceipt;

/** Binds the account, a candidate, to its answer of an OPTIMISTIC job. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function proposeAnswer(
  chain: Chain,
  parameters: ProposeAnswerParameters,
): Promise<ProposeAnswerReturnType> {
  const { job, record, commitment } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "propose",
    args: [job, record, commitment],
    jobId: parameters.jobId,
  });
}
