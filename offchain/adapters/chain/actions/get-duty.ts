// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "pure" | "view", "dutyOf">;

export interface GetDutyParameters {
  readonly version: Args[0];
}
export type GetDutyReturnType = ContractFunctionReturnType<typeof workerBeaconAbi, "pure" | "view", "dutyOf">;

/** The workers on duty in a table version, and how far each has served. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getDuty(chain: Chain, parameters: GetDutyParameters): Promise<GetDutyReturnType> {
  const { version } = parameters;
  return readContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "dutyOf",
    args: [version],
  });
}
