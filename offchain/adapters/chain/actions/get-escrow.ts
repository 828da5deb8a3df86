// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "pure" | "view", "escrowOf">;

export interface GetEscrowParameters {
  readonly spec: Args[0];
}
export type GetEscrowReturnType = ContractFunctionReturnType<typeof assayHubAbi, "pure" | "view", "escrowOf">;

/** What `request` would take from the free balance, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getEscrow(chain: Chain, parameters: GetEscrowParameters): Promise<GetEscrowReturnType> {
  const { spec } = parameters;
  return readContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "escrowOf",
    args: [spec],
  });
}
