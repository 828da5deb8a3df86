// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "account">;

export interface GetAccountParameters {
  readonly workerId: Args[0];
}
export type GetAccountReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "account">;

/** A worker's earnings and history. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getAccount(chain: Chain, parameters: GetAccountParameters): Promise<GetAccountReturnType> {
  const { workerId } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "account",
    args: [workerId],
  });
}
