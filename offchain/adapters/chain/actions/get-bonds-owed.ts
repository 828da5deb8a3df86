// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "pure" | "view", "owed">;

export interface GetBondsOwedParameters {
  readonly referee: Address;
  readonly party: Args[0];
}
export type GetBondsOwedReturnType = ContractFunctionReturnType<typeof cipherRefereeAbi, "pure" | "view", "owed">;

/** Tokens that the referee pays an account when it asks, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getBondsOwed(chain: Chain, parameters: GetBondsOwedParameters): Promise<GetBondsOwedReturnType> {
  const { referee, party } = parameters;
  return readContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "owed",
    args: [party],
  });
}
