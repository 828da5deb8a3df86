// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "submitProofs">;

export interface SubmitProofsParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly proofs: Args[3];
  readonly output: Args[4];
}
export type SubmitProofsReturnType = TransactionReceipt;

/** One proof a stage, of consecutive stages from the job's current one on. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function submitProofs(chain: Chain, parameters: SubmitProofsParameters): Promise<SubmitProofsReturnType> {
  const { job, record, table, proofs, output } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "submitProofs",
    args: [job, record, table, proofs, output],
    jobId: parameters.jobId,
  });
}
