// SPDX-License-Identifier: MIT
import type { ContractFunctionReturnType } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetStandingReturnType = ContractFunctionReturnType<typeof workerBeaconAbi, "pure" | "view", "standing">;

/** Seats of the serving duty that left out no beat so far, as bits. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getStanding(chain: Chain): Promise<GetStandingReturnType> {
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "standing",
    args: [],
  });
}
