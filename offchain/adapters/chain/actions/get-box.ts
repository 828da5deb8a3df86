// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "box">;

export interface GetBoxParameters {
  readonly jobId: Args[0];
  readonly stage: Args[1];
  readonly round: Args[2];
}
export type GetBoxReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "box">;

/** A round on the slow path. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getBox(chain: Chain, parameters: GetBoxParameters): Promise<GetBoxReturnType> {
  const { jobId, stage, round } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "box",
    args: [jobId, stage, round],
  });
}
