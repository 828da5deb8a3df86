// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionReturnType, Hex } from "viem";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { trustRootsAbi } from "./abi/trust-roots.ts";
import type { Chain } from "./chain.ts";
import { readContract } from "./read-contract.ts";
import { plainVendor } from "../../core/enclave-status.ts";

export type RegisteredEnclave = ContractFunctionReturnType<typeof enclaveRegistryAbi, "view", "enclave">;

/** In a vendor's number: nothing of it says anything about hardware. */
export const ROOT_PRODUCTION = 1;
export const ROOT_SIMULATED = 2;

/** Who could forge two kinds of evidence at once forges one family's: Intel's SGX and TDX. Mirror: EnclaveLib.family. */
export const familyOf = (vendor: number): number => Math.max(plainVendor(vendor), INTEL);
export const INTEL = 2;

/** A key's record after a block; epoch 0 if it was never registered. Errors here and below: RPC_UNAVAILABLE, RPC_REJECTED, REVERTED. */
export const enclaveAt = async (chain: Chain, registry: Address, key: Address, block: number): Promise<RegisteredEnclave> =>
  readContract(chain, { address: registry, abi: enclaveRegistryAbi, functionName: "enclave", args: [key], blockNumber: BigInt(block) }); // prettier-ignore

/** Whether a key's registration, as the chain stood after a block, lasts until then. */
export const isLiveAt = async (chain: Chain, registry: Address, { key, until, block }: { readonly key: Address; readonly until: number; readonly block: number }): Promise<boolean> =>
  readContract(chain, { address: registry, abi: enclaveRegistryAbi, functionName: "isLive", args: [key, BigInt(until)], blockNumber: BigInt(block) }); // prettier-ignore

/** Seconds for which an ended key's signatures still count. */
export const drainOf = async (chain: Chain, registry: Address): Promise<number> =>
  readContract(chain, { address: registry, abi: enclaveRegistryAbi, functionName: "DRAIN" });

/** What a root (SHA-256 of its SubjectPublicKeyInfo) is to the chain, by the vendor's number as the registry has it; null if not pinned. */
export async function rootClass(
  chain: Chain,
  roots: Address,
  { vendor, root }: { readonly vendor: number; readonly root: Hex },
): Promise<typeof ROOT_PRODUCTION | typeof ROOT_SIMULATED | null> {
  const args = [plainVendor(vendor), root] as const;
  const found = await readContract(chain, { address: roots, abi: trustRootsAbi, functionName: "classOf", args });
  return found === ROOT_PRODUCTION || found === ROOT_SIMULATED ? found : null;
}
