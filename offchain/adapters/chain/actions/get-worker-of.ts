// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "workerOf">;

export interface GetWorkerOfParameters {
  readonly owner: Args[0];
}
export type GetWorkerOfReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "workerOf">;

/** The worker of an owner, 0 if none. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getWorkerOf(chain: Chain, parameters: GetWorkerOfParameters): Promise<GetWorkerOfReturnType> {
  const { owner } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "workerOf",
    args: [owner],
  });
}
