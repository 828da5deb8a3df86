// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "claim">;

export interface ClaimEarningsParameters {
  readonly workerId: Args[0];
}
export type ClaimEarningsReturnType = TransactionReceipt;

/** Pays all that a worker earned to its owner. Anyone. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function claimEarnings(
  chain: Chain,
  parameters: ClaimEarningsParameters,
): Promise<ClaimEarningsReturnType> {
  const { workerId } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "claim",
    args: [workerId],
  });
}
