// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "commitMany">;

export interface CommitManyParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly commits: Args[2];
}
export type CommitManyReturnType = TransactionReceipt;

/** Slow path: posts signed Commits of several seats, ascending. Anyone, once a round. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function commitMany(chain: Chain, parameters: CommitManyParameters): Promise<CommitManyReturnType> {
  const { job, record, commits } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "commitMany",
    args: [job, record, commits],
    jobId: parameters.jobId,
  });
}
