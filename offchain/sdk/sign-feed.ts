// SPDX-License-Identifier: MIT
import {
  hexToBytes,
  parseSignature,
  serializeCompactSignature,
  signatureToCompactSignature,
  type Account,
  type Address,
} from "viem";
import { signTypedData } from "viem/actions";
import { feedClaim } from "../core/join.ts";
import { unpackSignature } from "../core/signature.ts";
import { ZERO_BYTES32, type Parent } from "../core/types.ts";
import { CLAIM_TYPES } from "./claim-types.ts";
import { getDeployment } from "./deployment.ts";
import type { WalletLike } from "./send.ts";

/** The client's signed word that it made a finished job's result what it feeds to another: bound, not proven. Error: RPC_UNAVAILABLE. */
export async function signFeed(
  client: WalletLike,
  { hub, account }: { readonly hub: Address; readonly account: Account },
  fed: Pick<Parent, "jobId" | "outDigest" | "recordHash" | "fedDigest">,
): Promise<Parent> {
  const { chainId } = await getDeployment(client, hub);
  const unsigned: Parent = { ...fed, r: ZERO_BYTES32, vs: ZERO_BYTES32 };
  const signature = await signTypedData(client, {
    account,
    domain: { name: "Assay", version: "1", chainId, verifyingContract: hub },
    types: CLAIM_TYPES,
    primaryType: "Claim",
    message: feedClaim(unsigned, account.address),
  });
  const compact = serializeCompactSignature(signatureToCompactSignature(parseSignature(signature)));
  return { ...unsigned, ...unpackSignature(hexToBytes(compact)) };
}
