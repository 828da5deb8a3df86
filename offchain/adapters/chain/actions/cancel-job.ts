// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "cancel">;

export interface CancelJobParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
}
export type CancelJobReturnType = TransactionReceipt;

/** Takes a job back in full, before the block that fixes its seats. Requester only. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function cancelJob(chain: Chain, parameters: CancelJobParameters): Promise<CancelJobReturnType> {
  const { job } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "cancel",
    args: [job],
    jobId: parameters.jobId,
  });
}
