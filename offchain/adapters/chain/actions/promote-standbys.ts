// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "promote">;

export interface PromoteStandbysParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
}
export type PromoteStandbysReturnType = TransactionReceipt;

/** Fills the absent seats of a stage again after its deadline. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function promoteStandbys(
  chain: Chain,
  parameters: PromoteStandbysParameters,
): Promise<PromoteStandbysReturnType> {
  const { job, record } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "promote",
    args: [job, record],
    jobId: parameters.jobId,
  });
}
