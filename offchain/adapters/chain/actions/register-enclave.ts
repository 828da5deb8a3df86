// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { enclaveRegistryAbi } from "../abi/enclave-registry.ts";
import { writeContract, type Chain } from "../chain.ts";
import type { EnclaveContracts } from "../enclave-contracts.ts";

type Args = ContractFunctionArgs<typeof enclaveRegistryAbi, "nonpayable", "register">;

export interface RegisterEnclaveParameters {
  readonly contracts: EnclaveContracts;
  readonly packed: Args[0];
  readonly pckId: Args[1];
  readonly binding: Args[2];
  readonly runtime: Args[3];
}

/** Registers or renews a key, as its worker. Errors: REVERTED, READ_ONLY, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function registerEnclave(
  chain: Chain,
  { contracts, packed, pckId, binding, runtime }: RegisterEnclaveParameters,
): Promise<TransactionReceipt> {
  return writeContract(chain, {
    address: contracts.enclaves,
    abi: enclaveRegistryAbi,
    functionName: "register",
    args: [packed, pckId, binding, runtime],
  });
}
