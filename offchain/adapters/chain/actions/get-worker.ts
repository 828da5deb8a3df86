// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "worker">;

export interface GetWorkerParameters {
  readonly workerId: Args[0];
}
export type GetWorkerReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "worker">;

/** A worker's stake and record. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getWorker(chain: Chain, parameters: GetWorkerParameters): Promise<GetWorkerReturnType> {
  const { workerId } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "worker",
    args: [workerId],
  });
}
