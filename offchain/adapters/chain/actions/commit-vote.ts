// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "commit">;

export interface CommitVoteParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly seat: Args[2];
  readonly commitment: Args[3];
}
export type CommitVoteReturnType = TransactionReceipt;

/** Slow path: posts the own commitment. The seat's signer only. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function commitVote(chain: Chain, parameters: CommitVoteParameters): Promise<CommitVoteReturnType> {
  const { job, record, seat, commitment } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "commit",
    args: [job, record, seat, commitment],
    jobId: parameters.jobId,
  });
}
