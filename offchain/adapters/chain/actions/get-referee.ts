// SPDX-License-Identifier: MIT
import { zeroAddress, type Address } from "viem";
import { CIPHER } from "../../../core/types.ts";
import { evidenceRouterAbi } from "../abi/evidence-router.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

export type GetRefereeReturnType = Address | null;

/** The deployment's referee of ciphertexts; null as long as nobody added one. It is never exchanged. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getReferee(chain: Chain): Promise<GetRefereeReturnType> {
  const referee = await readContract(chain, {
    address: chain.contracts.router,
    abi: evidenceRouterAbi,
    functionName: "adapterOf",
    args: [CIPHER],
  });
  return referee === zeroAddress ? null : referee;
}
