// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "lateCourt">;

export interface LateCourtStageParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly stage: Args[3];
  readonly ruling: Args[4];
}
export type LateCourtStageReturnType = TransactionReceipt;

/** Has those slashed by a proof who lied about a stage of a FINAL job, whose result stands. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function lateCourtStage(
  chain: Chain,
  parameters: LateCourtStageParameters,
): Promise<LateCourtStageReturnType> {
  const { job, record, table, stage, ruling } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "lateCourt",
    args: [job, record, table, stage, ruling],
    jobId: parameters.jobId,
  });
}
