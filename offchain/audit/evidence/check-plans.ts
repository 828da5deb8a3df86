// SPDX-License-Identifier: GPL-3.0-or-later
import { getSigners } from "../../adapters/chain/actions/get-signers.ts";
import { readEnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import { enclaveAt, isLiveAt } from "../../adapters/chain/read-enclaves.ts";
import { scheduleText } from "../../core/verify-schedule.ts";
import { bad, good, type Finding } from "../replay/claims.ts";
import type { JobContext } from "./evidence-class.ts";

/**
 * The plans that the replayed chain was told are the receipt's, and the registry had the enclaves that they follow from in the block before
 * the first, live until the job's end. That they follow is the receipt's own check.
 */
export async function checkPlans({ chain, receipt, events, jobId, path }: JobContext): Promise<Finding> {
  const parts = await readEnclaveParts(chain);
  if (parts === null) return bad("contracts.json", "the hub's router has no judge of enclaves");
  const [shown] = receipt.schedule;
  if (shown === undefined) return good("no enclave has signed a stage of this job");
  const told = events.flatMap((one) => (one.eventName === "Scheduled" && one.args.jobId === jobId ? [one] : []));
  const { plans, candidates } = shown;
  const differs = [...told.keys(), ...plans.keys()].find((i) => told[i]?.args.plan.toLowerCase() !== plans[i]);
  const [first] = told;
  if (differs !== undefined || first === undefined)
    return bad(`${path}, plan ${differs ?? 0}`, "the chain was told another plan there, or none");
  const before = Number(first.blockNumber) - 1;
  const { modelId, expiry: until } = receipt.job.spec;
  const signers = await getSigners(chain, { workerIds: candidates.map(({ workerId }) => workerId) });
  for (const [i, { workerId, key, vendor, status, expiry }] of candidates.entries()) {
    const where = `${path}, planned enclave of worker ${workerId}`;
    const had = await enclaveAt(chain, parts.enclaves, key, before);
    const pairs: readonly (readonly [string, unknown, unknown])[] = [
      ["worker", had.worker.toLowerCase(), signers[i]?.toLowerCase()],
      ["model", had.modelId, modelId],
      ["vendor", had.vendor, vendor],
      ["status", had.status, status],
      ["expiry", had.expiry, expiry],
    ];
    const other = pairs.find(([, have, want]) => have !== want);
    if (other !== undefined)
      return bad(where, `in block ${before} the registry had another ${other[0]}: ${String(other[1])}`);
    if (!(await isLiveAt(chain, parts.enclaves, { key, until, block: before })))
      return bad(where, `in block ${before} its registration was over, or would be before the job may`);
  }
  return good(`${scheduleText(receipt)}; the registry had all of them in block ${before}`);
}
