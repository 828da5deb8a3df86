// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "balanceOf">;

export interface GetBalanceParameters {
  readonly account: Args[0];
}
export type GetBalanceReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "balanceOf">;

/** Free balance of an account at the hub, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getBalance(chain: Chain, parameters: GetBalanceParameters): Promise<GetBalanceReturnType> {
  const { account } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "balanceOf",
    args: [account],
  });
}
