// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "tallySketches">;

export interface TallySketchesParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly votes: Args[3];
  readonly delivery: Args[4];
  readonly batch: Args[5];
}
export type TallySketchesReturnType = TransactionReceipt;

/** Slow path of class T: counts a committee from the openings at hand. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function tallySketches(
  chain: Chain,
  parameters: TallySketchesParameters,
): Promise<TallySketchesReturnType> {
  const { job, record, table, votes, delivery, batch } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "tallySketches",
    args: [job, record, table, votes, delivery, batch],
    jobId: parameters.jobId,
  });
}
