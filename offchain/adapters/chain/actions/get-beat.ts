// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "pure" | "view", "beatOf">;

export interface GetBeatParameters {
  readonly ref: Args[0];
}
export type GetBeatReturnType = ContractFunctionReturnType<typeof workerBeaconAbi, "pure" | "view", "beatOf">;

/** A beat of a deployment whose seeds come from workers. Errors: REVERTED BeatUnknown if nobody asked for it; RPC_UNAVAILABLE. */
export async function getBeat(chain: Chain, parameters: GetBeatParameters): Promise<GetBeatReturnType> {
  const { ref } = parameters;
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "beatOf",
    args: [ref],
  });
}
