// SPDX-License-Identifier: GPL-3.0-or-later
import { readEnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import type { EnclaveRegistration } from "../../adapters/chain/list-registrations.ts";
import { drainOf, enclaveAt, rootClass, ROOT_SIMULATED } from "../../adapters/chain/read-enclaves.ts";
import type { Hex } from "../../core/bytes.ts";
import { ENCLAVE } from "../../core/types.ts";
import { isShared } from "../../core/replay-record.ts";
import { registrationFailure } from "../check-registration.ts";
import { judgeEnclaves, rootsOf, shownEnclave } from "../judge-enclaves.ts";
import type { HistoryEvent } from "../fairness/history.ts";
import { bad, good, type Finding } from "../replay/claims.ts";
import { attestPairs, checkPairs, compareFiles } from "./check-enclave-pairs.ts";
import { findShownRegistration, pairSigners, rootIdOf, shownFiles } from "./enclave-pairs.ts";
import { checkPlans } from "./check-plans.ts";
import type { CollectContext, CollectedFile, EvidenceClaim, EvidenceClass, JobContext } from "./evidence-class.ts";

/** Of lone enclaves from the receipt, of pairs from the chain. */
async function collect({ chain, receipt }: CollectContext): Promise<readonly CollectedFile[]> {
  const parts = await readEnclaveParts(chain);
  const files = receipt.enclaves.flatMap(shownFiles);
  if (parts === null) return files;
  for (const signer of pairSigners(receipt)) {
    const shown = await findShownRegistration(chain, parts, signer);
    for (const one of shown?.files ?? []) if (!files.some(({ file }) => file === one.file)) files.push(one);
  }
  return files;
}

/** The registrations that the receipt shows are the registry's, and none had ended for good when the hub took what it signed. */
async function checkRegistrations(context: JobContext): Promise<Finding> {
  const { chain, receipt, recorded, events, jobId, path } = context;
  const parts = await readEnclaveParts(chain);
  if (parts === null) return bad("contracts.json", "the hub's router has no judge of enclaves");
  if (receipt.enclaves.length === 0) return checkPairs(context, parts);
  const isTaken = (event: HistoryEvent, stage: number): boolean =>
    "jobId" in event.args &&
    event.args.jobId === jobId &&
    (event.eventName === "Revealed" || (event.eventName === "Proven" && event.args.stage === stage));
  const blocks: number[] = [];
  for (const one of receipt.enclaves) {
    const where = `${path}, enclave of tally ${one.tally}`;
    const stage = receipt.record.tallies[one.tally]?.stage ?? 0;
    const taken = events.findLast((event) => isTaken(event, stage));
    if (taken === undefined) return bad(where, "the hub never took what an enclave signed");
    const block = Number(taken.blockNumber);
    const now = BigInt(recorded.blocks[block]?.header.header.timestamp ?? 0);
    blocks.push(block);
    const timeOf = async ({ blockNumber }: EnclaveRegistration) =>
      Number(recorded.blocks[Number(blockNumber)]?.header.header.timestamp ?? 0);
    const why = await registrationFailure(chain, parts, receipt, one, timeOf);
    if (why !== undefined) return bad(where, why);
    const { expiry } = await enclaveAt(chain, parts.enclaves, one.key, block);
    if (now > BigInt(expiry) + BigInt(await drainOf(chain, parts.enclaves)))
      return bad(where, `its registration was over for more than a day in block ${block}`);
  }
  return good(
    `${receipt.enclaves.length} registrations are the registry's own: image listed, platform not denied, worker, model and keys as shown; block ${blocks.join(", ")} took what they signed in time`,
  );
}

/** Quotes and collateral as files, the roots that the replayed chain pins, and the vendor's judgement of that time. */
async function checkAttestations(context: JobContext): Promise<Finding> {
  const { bundle, chain, receipt, path } = context;
  const { enclaves } = receipt;
  const parts = await readEnclaveParts(chain);
  if (parts === null) return bad("contracts.json", "the hub's router has no judge of enclaves");
  if (enclaves.length === 0) return attestPairs(context, parts);
  const simulated: Hex[] = [];
  for (const one of enclaves) {
    const misfit = compareFiles(context, shownFiles(one));
    if (misfit !== undefined) return misfit;
    const root = rootIdOf(shownEnclave(one));
    const { vendor } = await enclaveAt(chain, parts.enclaves, one.key, bundle.manifest.toBlock);
    const kind = await rootClass(chain, parts.roots, { vendor, root });
    if (kind === null) return bad(`${path}, enclave of tally ${one.tally}`, `the chain pins no root ${root}`);
    if (kind === ROOT_SIMULATED) simulated.push(root);
  }
  const { checks } = judgeEnclaves(receipt, rootsOf(simulated));
  const failed = checks.find(({ ok }) => !ok);
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  return good(checks.map(({ detail }) => detail).join("; "));
}

const PLANS: EvidenceClaim = {
  name: "plans",
  says: "the chain was told these plans before, and had the enclaves that they follow from",
  check: checkPlans,
};

/** Results that measured programs signed. Vendors' evidence is judged as of its registration; nothing later counts against it. */
export const enclaveEvidence: EvidenceClass = {
  name: "ENCLAVE",
  applies: ({ job }) => (job.spec.policy.mask & ENCLAVE) !== 0,
  collect,
  claims: [
    {
      name: "enclaves",
      says: "each enclave's key was registered for its worker and model before the hub took what it signed",
      check: checkRegistrations,
    },
    {
      name: "attestations",
      says: "each enclave was attested when it was registered, under the collateral of that time",
      check: checkAttestations,
    },
  ],
  more: ({ job }) => (isShared(job.spec.policy.mask) ? [PLANS] : []),
};
