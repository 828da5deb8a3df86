// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { modelRegistryAbi } from "../abi/model-registry.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof modelRegistryAbi, "pure" | "view", "model">;

export interface GetModelParameters {
  readonly modelId: Args[0];
}
export type GetModelReturnType = ContractFunctionReturnType<typeof modelRegistryAbi, "pure" | "view", "model">;

/** A model's record. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getModel(chain: Chain, parameters: GetModelParameters): Promise<GetModelReturnType> {
  const { modelId } = parameters;
  return readContract(chain, {
    address: chain.contracts.registry,
    abi: modelRegistryAbi,
    functionName: "model",
    args: [modelId],
  });
}
