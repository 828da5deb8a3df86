// SPDX-License-Identifier: MIT
import { zeroAddress, type Address } from "viem";
import { ENCLAVE } from "../../core/types.ts";
import { enclaveEvidenceAbi } from "./abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { evidenceRouterAbi } from "./abi/evidence-router.ts";
import type { Chain } from "./chain.ts";
import { ChainError } from "./errors.ts";
import { readContract } from "./read-contract.ts";

/** What takes evidence of enclaves; all follow from the registry of their keys. */
export interface EnclaveContracts {
  readonly enclaves: Address;
  readonly collateral: Address;
}

/** Those that the hub's router names, or those of `enclaves`. Errors: NO_CONTRACT, RPC_UNAVAILABLE, REVERTED. */
export async function readEnclaveContracts(chain: Chain, enclaves?: Address): Promise<EnclaveContracts> {
  const address = enclaves ?? (await findRegistry(chain));
  const call = { address, abi: enclaveRegistryAbi, functionName: "COLLATERAL" } as const;
  return { enclaves: address, collateral: await readContract(chain, call) };
}

async function findRegistry(chain: Chain): Promise<Address> {
  const { router } = chain.contracts;
  const call = { address: router, abi: evidenceRouterAbi, functionName: "adapterOf", args: [ENCLAVE] } as const;
  const judge = await readContract(chain, call);
  if (judge === zeroAddress)
    throw new ChainError("NO_CONTRACT", { name: "EnclaveRegistry", address: router, chain: chain.chainId });
  return readContract(chain, { address: judge, abi: enclaveEvidenceAbi, functionName: "enclaves" });
}
