// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "pure" | "view", "defenceOf">;

export interface GetDefenceParameters {
  readonly referee: Address;
  readonly defence: Args[0];
  /** As of this block; the newest by default. */
  readonly blockNumber?: bigint;
}
export type GetDefenceReturnType = ContractFunctionReturnType<typeof cipherRefereeAbi, "pure" | "view", "defenceOf">;

/** What the referee keeps of a defence; empty fields for an unknown number. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getDefence(chain: Chain, parameters: GetDefenceParameters): Promise<GetDefenceReturnType> {
  const { referee, defence, blockNumber } = parameters;
  return readContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "defenceOf",
    args: [defence],
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
}
