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

/** All that a registry's answers rest on, and the judge that asks it. */
export interface EnclaveParts extends EnclaveContracts {
  readonly judge: Address;
  readonly verifier: Address;
  readonly images: Address;
  readonly roots: Address;
  readonly board: Address;
}

/** Those of the judge that the hub's router names; null where it names none. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function readEnclaveParts(chain: Chain): Promise<EnclaveParts | null> {
  const judge = await readJudge(chain);
  if (judge === zeroAddress) return null;
  const enclaves = await readContract(chain, { address: judge, abi: enclaveEvidenceAbi, functionName: "enclaves" });
  const read = async (functionName: "COLLATERAL" | "VERIFIER" | "IMAGES" | "ROOTS" | "BOARD") =>
    readContract(chain, { address: enclaves, abi: enclaveRegistryAbi, functionName });
  const [collateral, verifier, images, roots, board] = await Promise.all(
    (["COLLATERAL", "VERIFIER", "IMAGES", "ROOTS", "BOARD"] as const).map(read),
  );
  return { judge, enclaves, collateral, verifier, images, roots, board } as EnclaveParts;
}

const readJudge = async (chain: Chain): Promise<Address> =>
  readContract(chain, {
    address: chain.contracts.router,
    abi: evidenceRouterAbi,
    functionName: "adapterOf",
    args: [ENCLAVE],
  });

async function findRegistry(chain: Chain): Promise<Address> {
  const judge = await readJudge(chain);
  if (judge === zeroAddress)
    throw new ChainError("NO_CONTRACT", { name: "EnclaveRegistry", address: chain.contracts.router, chain: chain.chainId }); // prettier-ignore
  return readContract(chain, { address: judge, abi: enclaveEvidenceAbi, functionName: "enclaves" });
}
