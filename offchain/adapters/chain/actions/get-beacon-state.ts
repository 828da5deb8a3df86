// SPDX-License-Identifier: MIT
import type { ContractFunctionReturnType } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetBeaconStateReturnType = ContractFunctionReturnType<typeof workerBeaconAbi, "pure" | "view", "state">;

/**
 * The version whose duty serves (0: none yet), then what was summoned (version and beat; 0: nothing). Errors: REVERTED where
 * seeds do not come from workers, RPC_UNAVAILABLE.
 */
export async function getBeaconState(chain: Chain): Promise<GetBeaconStateReturnType> {
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "state",
    args: [],
  });
}
