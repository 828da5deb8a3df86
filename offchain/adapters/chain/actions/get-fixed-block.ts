// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { blockSeedAbi } from "../abi/block-seed.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof blockSeedAbi, "pure" | "view", "fixedBlock">;

export interface GetFixedBlockParameters {
  readonly seedRef: Args[0];
}
export type GetFixedBlockReturnType = ContractFunctionReturnType<typeof blockSeedAbi, "pure" | "view", "fixedBlock">;

/** The block whose hash first determines the seed. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getFixedBlock(
  chain: Chain,
  parameters: GetFixedBlockParameters,
): Promise<GetFixedBlockReturnType> {
  const { seedRef } = parameters;
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: blockSeedAbi,
    functionName: "fixedBlock",
    args: [seedRef],
  });
}
