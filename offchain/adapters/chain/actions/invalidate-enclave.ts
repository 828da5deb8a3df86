// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, TransactionReceipt } from "viem";
import { enclaveRegistryAbi } from "../abi/enclave-registry.ts";
import { writeContract, type Chain } from "../chain.ts";
import type { EnclaveContracts } from "../enclave-contracts.ts";

type By = ContractFunctionArgs<typeof enclaveRegistryAbi, "nonpayable", "invalidateBy">;

export interface InvalidateEnclaveParameters {
  readonly contracts: EnclaveContracts;
  readonly key: Address;
  /** The registration's own quote and what it bound, where the status is what speaks against the key. */
  readonly by?: {
    readonly packed: By[1];
    readonly binding: By[2];
    readonly challenge: By[3];
    readonly runtime: By[4];
  };
}

/** Ends a key; anyone may. Errors: REVERTED (NothingToEnd), READ_ONLY, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function invalidateEnclave(
  chain: Chain,
  { contracts, key, by }: InvalidateEnclaveParameters,
): Promise<TransactionReceipt> {
  const registry = { address: contracts.enclaves, abi: enclaveRegistryAbi } as const;
  if (by === undefined) return writeContract(chain, { ...registry, functionName: "invalidate", args: [key] });
  const { packed, binding, challenge, runtime } = by;
  return writeContract(chain, {
    ...registry,
    functionName: "invalidateBy",
    args: [key, packed, binding, challenge, runtime],
  });
}
