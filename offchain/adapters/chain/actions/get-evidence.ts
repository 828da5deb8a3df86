// SPDX-License-Identifier: MIT
import { VOTE } from "../../../core/types.ts";
import { evidenceRouterAbi } from "../abi/evidence-router.ts";
import type { Chain } from "../chain.ts";
import { readContract } from "../read-contract.ts";

/** Evidence bits that requests to this deployment may ask for. */
export type GetEvidenceReturnType = number;

/** Votes, and every kind with an adapter that is not retired. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function getEvidence(chain: Chain): Promise<GetEvidenceReturnType> {
  const { router } = chain.contracts;
  return VOTE | (await readContract(chain, { address: router, abi: evidenceRouterAbi, functionName: "supported" }));
}
