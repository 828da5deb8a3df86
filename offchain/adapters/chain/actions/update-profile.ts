// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "updateProfile">;

export interface UpdateProfileParameters {
  readonly workerId: Args[0];
  readonly profile: Args[1];
}
export type UpdateProfileReturnType = TransactionReceipt;

/** Publishes a new profile. Owner only. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function updateProfile(
  chain: Chain,
  parameters: UpdateProfileParameters,
): Promise<UpdateProfileReturnType> {
  const { workerId, profile } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "updateProfile",
    args: [workerId, profile],
  });
}
