// SPDX-License-Identifier: GPL-3.0-or-later
import { getSigners } from "../../adapters/chain/actions/get-signers.ts";
import type { Hex } from "../../core/bytes.ts";
import { CLASS_T, OPTIMISTIC, VOTE, ZERO_ADDRESS } from "../../core/types.ts";
import { bad, good } from "../replay/claims.ts";
import type { EvidenceClass, JobContext } from "./evidence-class.ts";

/** Checks of a receipt that its votes fail by. */
const VOTE_CHECKS: ReadonlySet<string> = new Set(["signatures", "posted", "tallies"]);

async function checkVotes({ chain, receipt, report, path }: JobContext) {
  const failed = report.checks.find(({ name, ok }) => !ok && VOTE_CHECKS.has(name));
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  const seats = receipt.record.tallies.flatMap(({ seats: ids, round, stage }, t) =>
    ids.map((workerId, i) => ({
      workerId,
      where: `stage ${stage}, round ${round}, seat ${i}`,
      signer: receipt.committees[t]?.seats[i]?.signer,
    })),
  );
  const workerIds = [...new Set(seats.map(({ workerId }) => workerId))];
  const signers = await getSigners(chain, { workerIds });
  const ofVault = new Map(workerIds.map((id, i) => [id, String(signers[i]).toLowerCase() as Hex]));
  for (const { workerId, where, signer } of seats)
    if (signer !== undefined && signer !== ZERO_ADDRESS && signer.toLowerCase() !== ofVault.get(workerId))
      return bad(`${path}, ${where}`, `worker ${workerId} signs as ${ofVault.get(workerId)}, not as ${signer}`);
  const opened = receipt.committees.flatMap((committee) => committee.seats.filter((seat) => seat.opened));
  const kind = receipt.job.spec.policy.cls === CLASS_T ? "sketches" : "votes";
  return good(
    `${opened.length} ${kind} of ${seats.length} seats, bound by their commitments and the vault's signing keys`,
  );
}

/** Votes of committees, on digests (class E) or within a tolerance (class T). */
export const voteEvidence: EvidenceClass = {
  name: "VOTE",
  applies: ({ job }) => (job.spec.policy.mask & (VOTE | OPTIMISTIC)) !== 0,
  claims: [
    {
      name: "votes",
      says: "each seat committed before it saw another's answer, and signed what the record says of it",
      check: checkVotes,
    },
  ],
};
