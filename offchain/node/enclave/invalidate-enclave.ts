// SPDX-License-Identifier: GPL-3.0-or-later
import { invalidateEnclave as invalidate } from "../../adapters/chain/actions/invalidate-enclave.ts";
import { bringCollateral } from "../../adapters/chain/bring-collateral.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { listRegistrations } from "../../adapters/chain/list-registrations.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
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
  if (quote.endorsements.kind === "intel")
    await bringCollateral(chain, { contracts, set: intelSet(packed, quote.endorsements) });
  const { binding, challenge, runtime } = registration;
  return end({ packed: toHex(packed.packed), binding, challenge, runtime });
}
