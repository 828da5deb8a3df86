// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "tally">;

export interface TallyVotesParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly votes: Args[3];
  readonly batch: Args[4];
  readonly output: Args[5];
}
export type TallyVotesReturnType = TransactionReceipt;

/** Slow path: counts a committee from the openings at hand. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function tallyVotes(chain: Chain, parameters: TallyVotesParameters): Promise<TallyVotesReturnType> {
  const { job, record, table, votes, batch, output } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "tally",
    args: [job, record, table, votes, batch, output],
    jobId: parameters.jobId,
  });
}
