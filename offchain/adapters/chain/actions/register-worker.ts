// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { stakeVaultAbi } from "../abi/stake-vault.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof stakeVaultAbi, "nonpayable", "register">;

export interface RegisterWorkerParameters {
  readonly signer: Args[0];
  readonly profile: Args[1];
  readonly r: Args[2];
  readonly vs: Args[3];
}
export type RegisterWorkerReturnType = TransactionReceipt;

/** Registers the account as owner of a new worker whose messages `signer` signs. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function registerWorker(
  chain: Chain,
  parameters: RegisterWorkerParameters,
): Promise<RegisterWorkerReturnType> {
  const { signer, profile, r, vs } = parameters;
  return writeContract(chain, {
    address: chain.contracts.vault,
    abi: stakeVaultAbi,
    functionName: "register",
    args: [signer, profile, r, vs],
  });
}
