// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { blockSeedAbi } from "../abi/block-seed.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof blockSeedAbi, "pure" | "view", "seedOf">;

export interface GetSeedParameters {
  readonly seedRef: Args[0];
}
export type GetSeedReturnType = ContractFunctionReturnType<typeof blockSeedAbi, "pure" | "view", "seedOf">;

/** The seed behind a reference. Errors: REVERTED SeedNotReady, SeedLost. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getSeed(chain: Chain, parameters: GetSeedParameters): Promise<GetSeedReturnType> {
  const { seedRef } = parameters;
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: blockSeedAbi,
    functionName: "seedOf",
    args: [seedRef],
  });
}
