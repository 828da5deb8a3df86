// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "tableLength">;

export interface GetTableLengthParameters {
  readonly version: Args[0];
  readonly ticketClass: Args[1];
}
export type GetTableLengthReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "tableLength">;

/** Number of cells of a class at a readable version. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTableLength(
  chain: Chain,
  parameters: GetTableLengthParameters,
): Promise<GetTableLengthReturnType> {
  const { version, ticketClass } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "tableLength",
    args: [version, ticketClass],
  });
}
