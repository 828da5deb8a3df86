// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "court">;

export interface CourtStageParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly stage: Args[3];
  readonly ruling: Args[4];
}
export type CourtStageReturnType = TransactionReceipt;

/** Fixes a voted stage's truth by a proof, against any votes. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function courtStage(chain: Chain, parameters: CourtStageParameters): Promise<CourtStageReturnType> {
  const { job, record, table, stage, ruling } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "court",
    args: [job, record, table, stage, ruling],
    jobId: parameters.jobId,
  });
}
