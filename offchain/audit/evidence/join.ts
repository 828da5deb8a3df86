// SPDX-License-Identifier: GPL-3.0-or-later
import { followParents } from "../../core/joined-receipts.ts";
import { areLanes } from "../../core/join.ts";
import { bad, good, unknown, type Finding } from "../replay/claims.ts";
import type { EvidenceClass, JobContext } from "./evidence-class.ts";

function checkParents({ bundle, bundledOf, receipt, report, path }: JobContext): Finding {
  const others = bundle.manifest.jobs.flatMap((jobId) => bundledOf(jobId) ?? []);
  const whole = followParents({ receipt, report }, others);
  const failed = whole.checks.find(({ ok }) => !ok);
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  if (whole.missing.length > 0) return unknown(`the bundle lacks the receipts of ${whole.missing.join(", ")}`);
  const { guarantee } = whole;
  return good(
    `its input is the join of its parents' results; the whole rests on ${guarantee?.evidence.join(", ") || "nothing"}`,
  );
}

/** Jobs over the results of others: no more than their weakest branch is guaranteed. */
export const joinEvidence: EvidenceClass = {
  name: "JOIN",
  applies: ({ parents }) => parents.length > 0,
  claims: [{ name: "parents", says: "the input is the join of the results of the jobs it names", check: checkParents }],
};

function checkLanes({ receipt, report, path }: JobContext): Finding {
  const failed = report.checks.find(({ name, ok }) => !ok && (name === "chain" || name === "seats"));
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  const operators = receipt.record.seats.length;
  return good(
    `two lanes of the same program over two shares, ${operators} distinct workers; that no two of them collude nothing shows`,
  );
}

/** Two lanes over the shares of one input. What the client makes of the sums is its own. */
export const maskedEvidence: EvidenceClass = {
  name: "MASKED",
  applies: ({ manifest }) => areLanes(manifest.stages),
  claims: [{ name: "lanes", says: "both lanes ran the same program, on workers of their own", check: checkLanes }],
};
