// SPDX-License-Identifier: GPL-3.0-or-later
import { seedAt, slotAt } from "../../adapters/chain/read-past.ts";
import { drawSeed } from "../../core/draw.ts";
import { OPTIMISTIC } from "../../core/types.ts";
import { bad, good, unknown, type Finding } from "../replay/claims.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import type { EvidenceClass, JobContext } from "./evidence-class.ts";

/** `stage` of the lottery's seed; DrawLib.AUDIT. */
const AUDIT_STAGE = 0xfffe;

/** Whether chance had this answer audited, by its own seed, against what the chain did. */
async function checkLottery({ chain, events, jobId, receipt }: JobContext): Promise<Finding> {
  const own = events.filter((event) => "jobId" in event.args && event.args.jobId === jobId);
  const proposed = own.findLast(({ eventName }) => eventName === "Proposed");
  const drawn = own.find(({ eventName }) => eventName === "AuditDrawn");
  const opened = own.find(({ eventName }) => eventName === "StageTallied");
  const decided = drawn ?? opened;
  if (proposed === undefined || decided === undefined) return unknown("nobody answered, so there was no lottery");
  const block = Number(decided.blockNumber);
  const { seedRef } = await slotAt(chain, jobId, block - 1);
  const seed = drawSeed(await seedAt(chain, seedRef, block), jobId, AUDIT_STAGE, 0);
  const { auditBps } = receipt.job.spec.policy;
  const isDue = BigInt(seed) % 10_000n < BigInt(auditBps);
  const where = `${segmentPath("transactions", Math.floor(block / SEGMENT_BLOCKS))}, block ${block}`;
  if (isDue !== (drawn !== undefined)) return bad(where, `by its seed an audit was ${isDue ? "" : "not "}due`);
  return good(
    `chance of ${auditBps / 100}%: ${isDue ? "drawn, and audited" : "not drawn; one operator's stake stands behind it"}`,
  );
}

/** One answers, and chance has it audited. */
export const sampleEvidence: EvidenceClass = {
  name: "OPTIMISTIC",
  applies: ({ job }) => (job.spec.policy.mask & OPTIMISTIC) !== 0,
  claims: [{ name: "lottery", says: "the answer was audited exactly if its seed says so", check: checkLottery }],
};
