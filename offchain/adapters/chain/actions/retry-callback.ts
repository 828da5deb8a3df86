// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "retryCallback">;

export interface RetryCallbackParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly outDigest: Args[1];
  readonly recordHash: Args[2];
  readonly output: Args[3];
}
export type RetryCallbackReturnType = TransactionReceipt;

/** Delivers the end of a job again after a failed callback. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function retryCallback(
  chain: Chain,
  parameters: RetryCallbackParameters,
): Promise<RetryCallbackReturnType> {
  const { job, outDigest, recordHash, output } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "retryCallback",
    args: [job, outDigest, recordHash, output],
    jobId: parameters.jobId,
  });
}
