// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "draw">;

export interface DrawAuditParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
}
export type DrawAuditReturnType = TransactionReceipt;

/** Seats the auditors of a proposal on which the lottery fell; earns a poke fee. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function drawAudit(chain: Chain, parameters: DrawAuditParameters): Promise<DrawAuditReturnType> {
  const { job, record } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "draw",
    args: [job, record],
    jobId: parameters.jobId,
  });
}
