// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, ContractFunctionReturnType } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "pure" | "view", "verdict">;

export interface GetVerdictParameters {
  readonly referee: Address;
  readonly jobId: Args[0];
  readonly stage: Args[1];
  readonly inDigest: Args[2];
}
export type GetVerdictReturnType = ContractFunctionReturnType<typeof cipherRefereeAbi, "pure" | "view", "verdict">;

/** What the games about a stage's claim came to: digest (0: no verdict), whom to pay, since when. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getVerdict(chain: Chain, parameters: GetVerdictParameters): Promise<GetVerdictReturnType> {
  const { referee, jobId, stage, inDigest } = parameters;
  return readContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "verdict",
    args: [jobId, stage, inDigest],
  });
}
