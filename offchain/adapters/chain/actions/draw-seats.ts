// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "pure" | "view", "draw">;

export interface DrawSeatsParameters {
  readonly version: Args[0];
  readonly ticketClass: Args[1];
  readonly seed: Args[2];
  readonly excluded: Args[3];
  readonly count: Args[4];
}
export type DrawSeatsReturnType = ContractFunctionReturnType<typeof stakeVaultAbi, "pure" | "view", "draw">;

/** Seats of a committee from a table version and seed. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function drawSeats(chain: Chain, parameters: DrawSeatsParameters): Promise<DrawSeatsReturnType> {
  const { version, ticketClass, seed, excluded, count } = parameters;
  return readContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "draw",
    args: [version, ticketClass, seed, excluded, count],
  });
}
