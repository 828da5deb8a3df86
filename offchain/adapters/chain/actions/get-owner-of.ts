// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "ownerOf">;

export interface GetOwnerOfParameters {
  readonly workerId: Args[0];
}
export type GetOwnerOfReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "ownerOf">;

/** The owner of a worker. Errors: RPC_UNAVAILABLE, REVERTED (`WorkerUnknown`). */
export async function getOwnerOf(chain: Chain, parameters: GetOwnerOfParameters): Promise<GetOwnerOfReturnType> {
  const { workerId } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "ownerOf",
    args: [workerId],
  });
}
