// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "revealSketch">;

export interface RevealSketchParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly seat: Args[3];
  readonly vote: Args[4];
  readonly batch: Args[5];
}
export type RevealSketchReturnType = TransactionReceipt;

/** Slow path of class T: stores the own opening, after the commit phase closed. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function revealSketch(chain: Chain, parameters: RevealSketchParameters): Promise<RevealSketchReturnType> {
  const { job, record, table, seat, vote, batch } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "revealSketch",
    args: [job, record, table, seat, vote, batch],
    jobId: parameters.jobId,
  });
}
