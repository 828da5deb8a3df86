// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "slot">;

export interface GetSlotParameters {
  readonly jobId: Args[0];
}
export type GetSlotReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "slot">;

/** A job's storage: state, stage, round, deadline. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getSlot(chain: Chain, parameters: GetSlotParameters): Promise<GetSlotReturnType> {
  const { jobId } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "slot",
    args: [jobId],
  });
}
