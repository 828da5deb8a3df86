// SPDX-License-Identifier: MIT
import type { Account, Address } from "viem";
import { feedClaim } from "../core/join.ts";
import { ZERO_BYTES32, type Parent } from "../core/types.ts";
import { CLAIM_TYPES } from "./claim-types.ts";
import { getDeployment } from "./deployment.ts";
import type { WalletLike } from "./send.ts";
import { signCompact } from "./sign-compact.ts";

/** The client's signed word that it made a finished job's result what it feeds to another: bound, not proven. Error: RPC_UNAVAILABLE. */
export async function signFeed(
  client: WalletLike,
  { hub, account }: { readonly hub: Address; readonly account: Account },
  fed: Pick<Parent, "jobId" | "outDigest" | "recordHash" | "fedDigest">,
): Promise<Parent> {
  const { chainId } = await getDeployment(client, hub);
  const unsigned: Parent = { ...fed, r: ZERO_BYTES32, vs: ZERO_BYTES32 };
  const signature = await signCompact(client, {
    account,
    domain: { name: "Assay", version: "1", chainId, verifyingContract: hub },
    types: CLAIM_TYPES,
    primaryType: "Claim",
    message: feedClaim(unsigned, account.address),
  });
  return { ...unsigned, ...signature };
}
