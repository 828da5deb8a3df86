// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "proveEquivocation">;

export interface ProveEquivocationParameters {
  readonly workerId: Args[0];
  readonly proof: Args[1];
}
export type ProveEquivocationReturnType = TransactionReceipt;

/** Shows two statements of one worker that exclude each other: its whole stake goes, 10 % to the account. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function proveEquivocation(
  chain: Chain,
  parameters: ProveEquivocationParameters,
): Promise<ProveEquivocationReturnType> {
  const { workerId, proof } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "proveEquivocation",
    args: [workerId, proof],
  });
}
