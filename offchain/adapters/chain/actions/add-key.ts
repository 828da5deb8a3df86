// SPDX-License-Identifier: MIT
import type { Hex, TransactionReceipt } from "viem";
import { keyRegistryAbi } from "../abi/key-registry.ts";
import { writeContract, type Chain } from "../chain.ts";
import { ChainError } from "../errors.ts";

export interface AddKeyParameters {
  /** The encoded key record; its keccak256 is the key's id. */
  readonly record: Hex;
}
export type AddKeyReturnType = TransactionReceipt;

/** Stores a verifying key for everyone. Errors: NO_CONTRACT (this deployment judges no proofs), REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function addKey(chain: Chain, parameters: AddKeyParameters): Promise<AddKeyReturnType> {
  const { keys, router } = chain.contracts;
  if (keys === null)
    throw new ChainError("NO_CONTRACT", { name: "KeyRegistry", address: router, chain: chain.chainId });
  return writeContract(chain, { address: keys, abi: keyRegistryAbi, functionName: "add", args: [parameters.record] });
}
