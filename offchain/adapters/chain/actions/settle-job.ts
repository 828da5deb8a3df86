// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "settle">;

export interface SettleJobParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly output: Args[2];
}
export type SettleJobReturnType = TransactionReceipt;

/** Applies payments and slashes of a job whose window is over. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function settleJob(chain: Chain, parameters: SettleJobParameters): Promise<SettleJobReturnType> {
  const { job, record, output } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "settle",
    args: [job, record, output],
    jobId: parameters.jobId,
  });
}
