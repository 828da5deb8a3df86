// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "verifyResult">;

export interface VerifyResultParameters {
  readonly jobId: Args[0];
  readonly outDigest: Args[1];
  readonly recordHash: Args[2];
}
export type VerifyResultReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "verifyResult">;

/** Whether a job ended FINAL with this result and record. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function verifyResult(chain: Chain, parameters: VerifyResultParameters): Promise<VerifyResultReturnType> {
  const { jobId, outDigest, recordHash } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "verifyResult",
    args: [jobId, outDigest, recordHash],
  });
}
