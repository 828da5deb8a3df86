// SPDX-License-Identifier: GPL-3.0-or-later
import { getBlockHash } from "../../adapters/chain/actions/get-block-hash.ts";
import { getEnclave } from "../../adapters/chain/actions/get-enclave.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { registerEnclave as register } from "../../adapters/chain/actions/register-enclave.ts";
import { bringCollateral } from "../../adapters/chain/bring-collateral.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import { requireBinding } from "../../engines/tee/bind.ts";
import { packQuote } from "../../engines/tee/dcap/pack.ts";
import { EvidenceError } from "../../engines/tee/errors.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import type { Endorsements, Evidence, Verdict } from "../../engines/tee/verdict.ts";
import { verifyEvidence } from "../../engines/tee/verify.ts";
import { intelSet } from "./intel-set.ts";

/** What the enclave bound its quote to, beside the chain, the registry and its worker. */
export interface ShownBinding {
  readonly key: Hex;
  readonly channelKey: Hex;
  readonly sealKey: Hex;
  readonly epoch: number;
  /** Its hash is the challenge; one of the last 256. */
  readonly challengeBlock: bigint;
}

export interface RegisterEnclaveParameters {
  /** Writes as the worker. */
  readonly chain: Chain;
  readonly contracts: EnclaveContracts;
  /** With the runtime that the enclave declares. */
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  readonly roots: TrustRoots;
  readonly binding: ShownBinding;
  readonly onStep?: (step: string) => void;
}

export interface RegisteredEnclave {
  readonly key: Hex;
  /** Unix seconds. */
  readonly expiry: number;
  readonly verdict: Verdict;
  /** Calls that brought collateral which the chain did not know. */
  readonly brought: readonly string[];
  readonly hash: Hex;
}

/**
 * Registers or renews an Intel enclave's key. The quote is verified here first, as strictly as the chain will, so that what is
 * wrong has a name before anything is paid for. Errors: those of `verifyEvidence`, BINDING; REVERTED, READ_ONLY, RPC_UNAVAILABLE,
 * TRANSACTION_*.
 */
export async function registerEnclave(parameters: RegisterEnclaveParameters): Promise<RegisteredEnclave> {
  const { chain, contracts, evidence, endorsements, roots, binding, onStep } = parameters;
  if (chain.sender === null) throw new ChainError("READ_ONLY", { purpose: "register" });
  if (endorsements.kind !== "intel")
    throw new EvidenceError("COLLATERAL", {
      detail: "chains take Intel's quotes only, and Intel's collateral with them",
    });
  const worker = chain.sender.address;
  const { timestamp } = await getHead(chain);
  const verdict = verifyEvidence(evidence, endorsements, roots, timestamp);
  const challenge = await getBlockHash(chain, { blockNumber: binding.challengeBlock });
  requireBinding(verdict, evidence, {
    ...binding,
    chainId: BigInt(chain.chainId),
    registry: contracts.enclaves,
    worker: `0x${worker.slice(2).toLowerCase().padStart(64, "0")}`,
    challenge,
  });
  const quote = packQuote(evidence);
  const set = intelSet(quote, endorsements);
  const brought = await bringCollateral(chain, { contracts, set, ...(onStep === undefined ? {} : { onStep }) });
  onStep?.("register");
  const receipt = await register(chain, {
    contracts,
    packed: toHex(quote.packed),
    pckId: set.pck.key,
    binding: { ...binding, worker },
    runtime: toHex(evidence.runtime),
  });
  const { expiry } = await getEnclave(chain, { contracts, key: binding.key });
  return { key: toHex(fromHex(binding.key, 20)), expiry, verdict, brought, hash: receipt.transactionHash };
}
