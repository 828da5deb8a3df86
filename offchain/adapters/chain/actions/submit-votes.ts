// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "submit">;

export interface SubmitVotesParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly votes: Args[3];
  readonly output: Args[4];
}
export type SubmitVotesReturnType = TransactionReceipt;

/** Fast path: complete votes of consecutive stages, from the job's current one on. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function submitVotes(chain: Chain, parameters: SubmitVotesParameters): Promise<SubmitVotesReturnType> {
  const { job, record, table, votes, output } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "submit",
    args: [job, record, table, votes, output],
    jobId: parameters.jobId,
  });
}
