// SPDX-License-Identifier: MIT
import type { ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetTotalsReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "totals">;

/** Open risk, fees, pause. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTotals(chain: Chain): Promise<GetTotalsReturnType> {
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "totals",
    args: [],
  });
}
