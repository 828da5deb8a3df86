// SPDX-License-Identifier: GPL-3.0-or-later
import { invalidateEnclave as invalidate } from "../../adapters/chain/actions/invalidate-enclave.ts";
import { bringCollateral, type IntelSet } from "../../adapters/chain/bring-collateral.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { listRegistrations } from "../../adapters/chain/list-registrations.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import { packQuote } from "../../engines/tee/dcap/pack.ts";
import type { Endorsements, Evidence } from "../../engines/tee/verdict.ts";
import { NodeError } from "../errors.ts";
import { intelSet } from "./intel-set.ts";

export interface InvalidateEnclaveParameters {
  readonly chain: Chain;
  readonly contracts: EnclaveContracts;
  readonly key: Hex;
  /** The registration's quote, where the platform's status is what speaks against the key; newer collateral is brought first. */
  readonly quote?: { readonly evidence: Evidence; readonly endorsements: Endorsements };
  readonly fromBlock: bigint;
}

/** Brings newer collateral. Returns whether the list in it revokes the quote's own certificate, which nothing more can be brought for. */
async function isRevokedBy(chain: Chain, contracts: EnclaveContracts, set: IntelSet): Promise<boolean> {
  try {
    await bringCollateral(chain, { contracts, set });
    return false;
  } catch (error) {
    if (isAssayError(error) && error.code === "REVERTED" && error.meta["name"] === "CertificateRevoked") return true;
    throw error;
  }
}

/** Ends a key: anyone may. Errors: ENCLAVE_UNKNOWN, QUOTE, QE, PEM, CHAIN; REVERTED (NothingToEnd), READ_ONLY, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function invalidateEnclave(parameters: InvalidateEnclaveParameters): Promise<Hex> {
  const { chain, contracts, key, quote, fromBlock } = parameters;
  const end = async (by?: Parameters<typeof invalidate>[1]["by"]): Promise<Hex> => {
    const receipt = await invalidate(chain, { contracts, key, ...(by === undefined ? {} : { by }) });
    return receipt.transactionHash;
  };
  if (quote === undefined) return end();
  const registration = (await listRegistrations(chain, { contracts, key, fromBlock })).at(-1);
  if (registration === undefined) throw new NodeError("ENCLAVE_UNKNOWN", { key, registry: contracts.enclaves });
  const packed = packQuote(quote.evidence);
  // A quote under a revoked certificate does not verify any more: the list alone ends the key.
  if (
    quote.endorsements.kind === "intel" &&
    (await isRevokedBy(chain, contracts, intelSet(packed, quote.endorsements)))
  )
    return end();
  const { binding, challenge, runtime } = registration;
  return end({ packed: toHex(packed.packed), binding, challenge, runtime });
}
