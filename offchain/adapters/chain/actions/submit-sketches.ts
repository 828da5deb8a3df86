// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "submitSketches">;

export interface SubmitSketchesParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly votes: Args[3];
  readonly delivery: Args[4];
}
export type SubmitSketchesReturnType = TransactionReceipt;

/** Fast path of class T: one complete committee, of the job's current stage. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function submitSketches(
  chain: Chain,
  parameters: SubmitSketchesParameters,
): Promise<SubmitSketchesReturnType> {
  const { job, record, table, votes, delivery } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "submitSketches",
    args: [job, record, table, votes, delivery],
    jobId: parameters.jobId,
  });
}
