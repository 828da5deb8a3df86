// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "signersOf">;

export interface GetSignersParameters {
  readonly workerIds: Args[0];
}
export type GetSignersReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "signersOf">;

/** Signers of worker ids, in order. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getSigners(chain: Chain, parameters: GetSignersParameters): Promise<GetSignersReturnType> {
  const { workerIds } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "signersOf",
    args: [workerIds],
  });
}
