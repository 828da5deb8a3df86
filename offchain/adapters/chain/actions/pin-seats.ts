// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "pin">;

export interface PinSeatsParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
}
export type PinSeatsReturnType = TransactionReceipt;

/** Writes the current committee into the record before its seed is forgotten. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function pinSeats(chain: Chain, parameters: PinSeatsParameters): Promise<PinSeatsReturnType> {
  const { job, record } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "pin",
    args: [job, record],
    jobId: parameters.jobId,
  });
}
