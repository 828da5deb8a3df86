// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "pure" | "view", "gameOf">;

export interface GetGameParameters {
  readonly referee: Address;
  readonly game: Args[0];
  /** As of this block; the newest by default. */
  readonly blockNumber?: bigint;
}
export type GetGameReturnType = ContractFunctionReturnType<typeof cipherRefereeAbi, "pure" | "view", "gameOf">;

/** What the referee keeps of a game; empty fields for an unknown number. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getGame(chain: Chain, parameters: GetGameParameters): Promise<GetGameReturnType> {
  const { referee, game, blockNumber } = parameters;
  return readContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "gameOf",
    args: [game],
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
}
