// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import { enclaveRegistryAbi } from "../abi/enclave-registry.ts";
import type { Chain } from "../chain.ts";
import type { EnclaveContracts } from "../enclave-contracts.ts";
import { readContract } from "../read-contract.ts";

export interface IsEnclaveLiveParameters {
  readonly contracts: EnclaveContracts;
  readonly key: Address;
  /** Unix seconds until which the registration must last; 0: now. */
  readonly need?: bigint;
}
export type IsEnclaveLiveReturnType = boolean;

/** Whether a key is registered now, and nothing that it rests on was revoked, denied or removed. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function isEnclaveLive(
  chain: Chain,
  { contracts, key, need = 0n }: IsEnclaveLiveParameters,
): Promise<IsEnclaveLiveReturnType> {
  return readContract(chain, {
    address: contracts.enclaves,
    abi: enclaveRegistryAbi,
    functionName: "isLive",
    args: [key, need],
  });
}
