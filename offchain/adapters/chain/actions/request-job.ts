// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { assayHubAbi } from "../abi/assay-hub.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", "request">;

export interface RequestJobParameters {
  readonly nonce: Args[0];
  readonly spec: Args[1];
}
export type RequestJobReturnType = TransactionReceipt;

/** Opens a job from the account's free balance. Reverts name the field or inequality that fails. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function requestJob(chain: Chain, parameters: RequestJobParameters): Promise<RequestJobReturnType> {
  const { nonce, spec } = parameters;
  return writeContract(chain, {
    address: chain.contracts.hub,
    abi: assayHubAbi,
    functionName: "request",
    args: [nonce, spec],
  });
}
