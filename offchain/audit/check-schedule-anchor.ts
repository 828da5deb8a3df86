// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../adapters/chain/chain.ts";
import { readEnclaveContracts } from "../adapters/chain/enclave-contracts.ts";
import { findJob } from "../adapters/chain/find-job.ts";
import { listPlans } from "../adapters/chain/list-plans.ts";
import { listRegistrations } from "../adapters/chain/list-registrations.ts";
import type { Hex } from "../core/bytes.ts";
import type { Check } from "../core/check.ts";
import { CANDIDATES } from "../core/draw.ts";
import type { Receipt } from "../core/receipt.ts";

/** Blocks in one query for logs. */
const MAX_RANGE = 5_000n;

type Signers = ReadonlyMap<number, string>;

/** The first registration that is not the registry's, made for this worker and model before the first plan. */
async function strangeCandidate(
  chain: Chain,
  receipt: Receipt,
  signers: Signers,
  block: bigint,
): Promise<Hex | undefined> {
  const candidates = receipt.schedule[0]?.candidates ?? [];
  // More than a job has are somebody's attempt to make an auditor ask.
  if (candidates.length > CANDIDATES) return candidates[0]?.key;
  const contracts = await readEnclaveContracts(chain);
  for (const { workerId, key, vendor, status, expiry } of candidates) {
    const all = await listRegistrations(chain, { contracts, key, fromBlock: 0n });
    const then = all.findLast(({ blockNumber }) => blockNumber < block);
    const isSame =
      then?.modelId === receipt.job.spec.modelId &&
      then.binding.worker.toLowerCase() === signers.get(workerId) &&
      then.vendor === vendor &&
      then.status === status &&
      then.expiry === expiry;
    if (!isSame) return key;
  }
  return undefined;
}

/**
 * Whether the chain was told the plans of a receipt, these and no others, and whether the registry had the enclaves that they follow from. Not
 * whether it had more: which of them a client admits is its own choice. Errors: RPC_UNAVAILABLE, RPC_REJECTED, NO_CONTRACT, REVERTED.
 */
export async function checkScheduleAnchor(chain: Chain, receipt: Receipt, signers: Signers): Promise<readonly Check[]> {
  const { jobId, schedule } = receipt;
  const [shown] = schedule;
  if (shown === undefined) return [];
  const found = await findJob(chain, { jobId, fromBlock: 0n, maxRange: MAX_RANGE });
  const told =
    found === null ? [] : await listPlans(chain, { jobId, fromBlock: found.blockNumber, maxRange: MAX_RANGE });
  const { plans, candidates } = shown;
  const differs = told.findIndex(({ plan }, i) => plan !== plans[i]?.toLowerCase());
  const isSame = differs < 0 && told.length === plans.length;
  const strange = await strangeCandidate(chain, receipt, signers, told[0]?.blockNumber ?? 0n);
  return [
    {
      name: "chain plans",
      ok: isSame,
      detail: isSame
        ? `the chain was told these ${plans.length} plans, in this order`
        : `the chain was told ${told.length} plans; plan ${differs < 0 ? told.length : differs} of the receipt's ${plans.length} is another or none`,
    },
    {
      name: "chain enclaves",
      ok: strange === undefined,
      detail:
        strange === undefined
          ? `the registry had these enclaves of ${candidates.length} candidates before the first plan`
          : `the registry had ${strange} otherwise, or not, before the first plan`,
    },
  ];
}
