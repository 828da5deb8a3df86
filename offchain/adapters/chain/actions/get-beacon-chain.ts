// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "pure" | "view", "chainOf">;

export interface GetBeaconChainParameters {
  readonly workerId: Args[0];
}
export type GetBeaconChainReturnType = ContractFunctionReturnType<typeof workerBeaconAbi, "pure" | "view", "chainOf">;

/** The hash chain that a worker registered. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getBeaconChain(
  chain: Chain,
  parameters: GetBeaconChainParameters,
): Promise<GetBeaconChainReturnType> {
  const { workerId } = parameters;
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "chainOf",
    args: [workerId],
  });
}
