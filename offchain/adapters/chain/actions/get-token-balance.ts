// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { devTokenAbi } from "../abi/dev-token.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof devTokenAbi, "pure" | "view", "balanceOf">;

export interface GetTokenBalanceParameters {
  readonly account: Args[0];
}
export type GetTokenBalanceReturnType = ContractFunctionReturnType<typeof devTokenAbi, "pure" | "view", "balanceOf">;

/** Token balance of an account, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getTokenBalance(
  chain: Chain,
  parameters: GetTokenBalanceParameters,
): Promise<GetTokenBalanceReturnType> {
  const { account } = parameters;
  return readContract(chain, {
    address: chain.contracts.token,
    abi: devTokenAbi,
    functionName: "balanceOf",
    args: [account],
  });
}
