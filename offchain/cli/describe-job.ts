// SPDX-License-Identifier: GPL-3.0-or-later
import type { JobView } from "../sdk/job-view.ts";

const OFFENCES = ["", "wrong", "unrevealed", "absent", "equivocation", "beacon"];

/** A job for people, one fact a line. */
export function describeJob(view: JobView): string {
  const { spec } = view.job;
  const lines = [
    `job        ${view.jobId}`,
    `state      ${view.state}${view.closedReason === null ? "" : ` (${view.closedReason})`}`,
    `requester  ${view.job.requester}`,
    `model      ${spec.modelId}`,
    `policy     mask ${spec.policy.mask}, ${spec.policy.k} seats, stake ${spec.policy.seatStake} each`,
    `reward     ${spec.seatReward} a seat`,
  ];
  for (const { stage, round, seats } of view.committees)
    lines.push(`seats      ${round === 0 ? "all stages" : `stage ${stage}, round ${round}`}: ${seats.join(", ")}`);
  if (view.outDigest !== null) lines.push(`result     ${view.outDigest}`, `record     ${view.recordHash ?? ""}`);
  if (view.refund !== null) lines.push(`refund     ${view.refund}`);
  for (const slash of view.slashes)
    lines.push(
      `slashed    worker ${slash.workerId}, ${OFFENCES[slash.offence] ?? slash.offence}: ${slash.amount} (${slash.burned} burned)`,
    );
  return lines.join("\n");
}
