// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "expire">;

export interface ExpireJobParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
}
export type ExpireJobReturnType = TransactionReceipt;

/** Ends what nobody carried on after its deadline. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function expireJob(chain: Chain, parameters: ExpireJobParameters): Promise<ExpireJobReturnType> {
  const { job, record } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "expire",
    args: [job, record],
    jobId: parameters.jobId,
  });
}
