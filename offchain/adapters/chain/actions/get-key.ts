// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { keyRegistryAbi } from "../abi/key-registry.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export interface GetKeyParameters {
  readonly keyId: Hex;
}
/** The encoded key record; null where nobody added it, or where this deployment judges no proofs. */
export type GetKeyReturnType = Hex | null;

/** A verifying key's record. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getKey(chain: Chain, parameters: GetKeyParameters): Promise<GetKeyReturnType> {
  const { keys } = chain.contracts;
  if (keys === null) return null;
  const call = { address: keys, abi: keyRegistryAbi, args: [parameters.keyId] } as const;
  if (!(await readContract(chain, { ...call, functionName: "has" }))) return null;
  return readContract(chain, { ...call, functionName: "record" });
}
