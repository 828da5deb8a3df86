// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "workerOfSigner">;

export interface GetWorkerOfSignerParameters {
  readonly signer: Args[0];
}
export type GetWorkerOfSignerReturnType = ContractFunctionReturnType<
  typeof stakeVaultAbi,
  "pure" | "view",
  "workerOfSigner"
>;

/** The worker that signs with an address, 0 if none. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getWorkerOfSigner(
  chain: Chain,
  { signer }: GetWorkerOfSignerParameters,
): Promise<GetWorkerOfSignerReturnType> {
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "workerOfSigner",
    args: [signer],
  });
}
