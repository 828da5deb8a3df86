// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { protocolParamsAbi } from "../abi/protocol-params.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof protocolParamsAbi, "pure" | "view", "parameters">;

export interface GetParametersParameters {
  readonly version: Args[0];
}
export type GetParametersReturnType = ContractFunctionReturnType<
  typeof protocolParamsAbi,
  "pure" | "view",
  "parameters"
>;

/** A numbered parameter set. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getParameters(
  chain: Chain,
  parameters: GetParametersParameters,
): Promise<GetParametersReturnType> {
  const { version } = parameters;
  return readContract(chain, {
    address: chain.contracts.params,
    abi: protocolParamsAbi,
    functionName: "parameters",
    args: [version],
  });
}
