// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "reveal">;

export interface RevealVoteParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly seat: Args[3]["seat"];
  readonly outDigest: Args[3]["outDigest"];
  readonly payload: Args[3]["payload"];
  readonly salt: Args[3]["salt"];
  readonly batch: Args[4];
}
export type RevealVoteReturnType = TransactionReceipt;

/** Slow path: stores one opening, after the commit phase closed. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function revealVote(chain: Chain, parameters: RevealVoteParameters): Promise<RevealVoteReturnType> {
  const { job, record, table, seat, outDigest, payload, salt, batch } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "reveal",
    args: [job, record, table, { seat, outDigest, payload, salt }, batch],
    jobId: parameters.jobId,
  });
}
