// SPDX-License-Identifier: GPL-3.0-or-later
import { getEnclave } from "../adapters/chain/actions/get-enclave.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { readEnclaveContracts } from "../adapters/chain/enclave-contracts.ts";
import type { Hex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { domainSeparator } from "../core/eip712.ts";
import { pairKeys } from "../core/enclave-bundle.ts";
import { isAssayError } from "../core/errors.ts";
import { jobTable } from "../core/network-part.ts";
import type { Receipt } from "../core/receipt.ts";
import type { KnownEnclave } from "../core/verify-receipt.ts";
import { encodeProofEvidence } from "../core/zk/evidence.ts";
import { plainVendor, isSimulatedVendor } from "../core/enclave-status.ts";

/** By the registry's vendor numbers: SGX and TDX are one family. */
const FAMILIES: Readonly<Record<number, KnownEnclave["family"]>> = { 1: "intel", 2: "intel", 3: "amd", 4: "aws" };

/** The keys that signed a critical job's stages; what does not recover is the verifier's to name. */
function keysOf({ chainId, hub, jobId, job, manifest, record, proofs }: Receipt): readonly Hex[] {
  const table = jobTable(manifest);
  const domain = domainSeparator({ chainId, hub });
  return proofs.flatMap(({ tally, worker, outDigest, evidence, enclaves }) => {
    const stage = record.tallies[tally]?.stage ?? 0;
    try {
      const inDigest = stageInDigest(table, stage, job.spec.inDigest, record.boundaries);
      const claim = { jobId, stage, inDigest, outDigest, worker };
      const pairs = enclaves.map((pair) => pairKeys(domain, claim, pair, encodeProofEvidence(evidence)));
      return pairs.flatMap(({ prover, second }) => [prover, second].flatMap((key) => key ?? []));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return [];
    }
  });
}

/**
 * What the chain's registry of enclaves knows of the keys behind a critical job's receipt; those that were never registered are left
 * out. Errors: NO_CONTRACT, RPC_UNAVAILABLE, REVERTED.
 */
export async function readPairEnclaves(chain: Chain, receipt: Receipt): Promise<ReadonlyMap<Hex, KnownEnclave>> {
  const keys = [...new Set(keysOf(receipt))];
  const contracts = await readEnclaveContracts(chain);
  const known = await Promise.all(keys.map(async (key) => ({ key, ...(await getEnclave(chain, { contracts, key })) })));
  return new Map(
    known
      .filter(({ epoch }) => epoch > 0)
      .map(({ key, worker, vendor }) => {
        const family = FAMILIES[plainVendor(vendor)] ?? "other";
        return [key, { worker, family, simulated: isSimulatedVendor(vendor) }];
      }),
  );
}
