// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { devTokenAbi } from "../abi/dev-token.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof devTokenAbi, "pure" | "view", "allowance">;

export interface GetAllowanceParameters {
  readonly owner: Args[0];
  readonly spender: Args[1];
}
export type GetAllowanceReturnType = ContractFunctionReturnType<typeof devTokenAbi, "pure" | "view", "allowance">;

/** Tokens that `spender` may take from `owner`, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getAllowance(chain: Chain, parameters: GetAllowanceParameters): Promise<GetAllowanceReturnType> {
  const { owner, spender } = parameters;
  return readContract(chain, {
    address: chain.contracts.token,
    abi: devTokenAbi,
    functionName: "allowance",
    args: [owner, spender],
  });
}
