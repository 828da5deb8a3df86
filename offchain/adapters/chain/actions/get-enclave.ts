// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionReturnType } from "viem";
import { enclaveRegistryAbi } from "../abi/enclave-registry.ts";
import type { Chain } from "../chain.ts";
import type { EnclaveContracts } from "../enclave-contracts.ts";
import { readContract } from "../read-contract.ts";

export interface GetEnclaveParameters {
  readonly contracts: EnclaveContracts;
  readonly key: Address;
}
/** `epoch` 0: never registered. */
export type GetEnclaveReturnType = ContractFunctionReturnType<typeof enclaveRegistryAbi, "pure" | "view", "enclave">;

/** A key's record. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getEnclave(
  chain: Chain,
  { contracts, key }: GetEnclaveParameters,
): Promise<GetEnclaveReturnType> {
  return readContract(chain, {
    address: contracts.enclaves,
    abi: enclaveRegistryAbi,
    functionName: "enclave",
    args: [key],
  });
}
