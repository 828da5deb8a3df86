// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "open">;

export interface OpenProposalParameters {
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  /** Empty unless `evidence` is asked for. */
  readonly table: Args[2];
  readonly outDigest: Args[3];
  readonly payload: Args[4];
  readonly salt: Args[5];
  /** Of mask ENCLAVE: a quote; else empty. */
  readonly evidence: Args[6];
}
export type OpenProposalReturnType = TransactionReceipt;

/** Opens a proposal that the lottery left alone. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function openProposal(chain: Chain, parameters: OpenProposalParameters): Promise<OpenProposalReturnType> {
  const { job, record, table, outDigest, payload, salt, evidence } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "open",
    args: [job, record, table, outDigest, payload, salt, evidence],
    jobId: parameters.jobId,
  });
}
