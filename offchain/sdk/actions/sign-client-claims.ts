// SPDX-License-Identifier: MIT
import { CLAIM_TYPES } from "../claim-types.ts";
import type { Account, Address, Hex } from "viem";
import { clientClaim } from "../../core/client-claims.ts";
import type { ClientStatement } from "../../core/client-part.ts";
import type { ClientClaim } from "../../core/receipt.ts";
import { getDeployment } from "../deployment.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { signCompact } from "../sign-compact.ts";

export interface SignClientClaimsParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  /** Of `prepareInference` and `ClientPart.after`. */
  readonly statements: readonly ClientStatement[];
  /** The job's client, or no receipt takes its claims. */
  readonly account?: Account | Address | undefined;
}
export type SignClientClaimsReturnType = readonly ClientClaim[];

/**
 * Signs what a client says about its own stages of a job, for `getReceipt`: it closes the chain of boundaries and proves nothing.
 * Errors: ACCOUNT_MISSING, RPC_UNAVAILABLE.
 *
 * @example
 * const clientClaims = await signClientClaims(wallet, { hub, jobId, statements });
 */
export async function signClientClaims(
  client: WalletLike,
  { hub, jobId, statements, account: given }: SignClientClaimsParameters,
): Promise<SignClientClaimsReturnType> {
  const account = accountOf(client, given, "signClientClaims");
  const { chainId } = await getDeployment(client, hub);
  const domain = { name: "Assay", version: "1", chainId, verifyingContract: hub };
  const claims: ClientClaim[] = [];
  for (const statement of statements) {
    const message = clientClaim(jobId, account.address, statement);
    const signed = await signCompact(client, { account, domain, types: CLAIM_TYPES, primaryType: "Claim", message });
    claims.push({ ...statement, ...signed });
  }
  return claims;
}
