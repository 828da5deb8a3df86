// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { modelRegistryAbi } from "../abi/model-registry.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof modelRegistryAbi, "nonpayable", "register">;

export interface RegisterModelParameters {
  readonly manifest: Args[0];
}
export type RegisterModelReturnType = TransactionReceipt;

/** Registers a model for good. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function registerModel(
  chain: Chain,
  parameters: RegisterModelParameters,
): Promise<RegisterModelReturnType> {
  const { manifest } = parameters;
  return writeContract(chain, {
    address: chain.contracts.registry,
    abi: modelRegistryAbi,
    functionName: "register",
    args: [manifest],
  });
}
