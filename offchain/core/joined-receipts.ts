// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import type { Check } from "./check.ts";
import { isAbsent } from "./join.ts";
import { ownGuarantee, type Guarantee } from "./receipt-json.ts";
import type { Receipt } from "./receipt.ts";
import { ZERO_BYTES32 } from "./types.ts";
import type { ReceiptReport } from "./verify-receipt.ts";

/** A receipt with what its verification found. */
export interface VerifiedReceipt {
  readonly receipt: Receipt;
  readonly report: ReceiptReport;
}

export interface JoinedGuarantee {
  /** One check a parent; none for a job that joins nothing. */
  readonly checks: readonly Check[];
  /** Parents, at any depth, whose receipts are not there. */
  readonly missing: readonly Hex[];
  /** Of the whole: no more than the weakest branch gives, and nothing from end to end while one is missing or a client's word is in it. */
  readonly guarantee: Guarantee;
}

/** Joins of joins that are followed; a receipt cannot contain itself, so a longer chain is somebody's waste of our time. */
const MAX_DEPTH = 8;

/**
 * Follows a joined job's parents through their receipts, which the caller has verified together with it. The same hub is demanded of
 * all: a parent is known by its job id, which commits to the hub. Pure; never throws on hostile receipts.
 */
export function followParents(joined: VerifiedReceipt, others: readonly VerifiedReceipt[], depth = 0): JoinedGuarantee {
  const { receipt } = joined;
  const checks: Check[] = [];
  const missing: Hex[] = [];
  const branches: Guarantee[] = [];
  let isFed = false;
  for (const [i, parent] of receipt.parents.entries()) {
    const name = `parent ${i}`;
    if (isAbsent(parent)) {
      checks.push({ name, ok: true, detail: "absent: a modality that was left out" });
      continue;
    }
    isFed ||= parent.fedDigest !== ZERO_BYTES32;
    const found = others.find((one) => one.receipt.jobId === parent.jobId);
    if (found === undefined || depth >= MAX_DEPTH) {
      missing.push(parent.jobId);
      continue;
    }
    const failure = parentFailure(parent, found);
    const next = followParents(found, others, depth + 1);
    const detail = failure ?? `job ${parent.jobId} ended with what is joined`;
    checks.push(
      { name, ok: failure === undefined, detail },
      ...next.checks.map((c) => ({ ...c, name: `${name}, ${c.name}` })),
    );
    missing.push(...next.missing);
    branches.push(next.guarantee);
  }
  const own = ownGuarantee(receipt, joined.report);
  const isWhole = missing.length === 0 && !isFed && checks.every(({ ok }) => ok);
  return { checks, missing, guarantee: weakest(own, branches, isWhole) };
}

function parentFailure(
  { outDigest, recordHash }: Receipt["parents"][number],
  { receipt, report }: VerifiedReceipt,
): string | undefined {
  if (!report.ok) return `its receipt fails: ${report.checks.find(({ ok }) => !ok)?.name ?? "unknown"}`;
  if (receipt.reason !== 0) return "it ended without a result";
  if (receipt.outDigest !== outDigest) return `its result is ${receipt.outDigest}, joined was ${outDigest}`;
  return receipt.recordHash === recordHash ? undefined : `its record is ${receipt.recordHash}, named was ${recordHash}`;
}

const least = (values: readonly bigint[]): bigint => values.reduce((min, value) => (value < min ? value : min));

/** A chain of evidence holds no more than its weakest part: insurance, and what may be called verified from end to end. */
function weakest(own: Guarantee, branches: readonly Guarantee[], isWhole: boolean): Guarantee {
  const all = [own, ...branches];
  // Where nobody votes a proof stands, which no committee's size describes.
  const voted = all.filter(({ seats }) => seats > 0);
  const fewest = voted.toSorted((a, b) => a.quorum - b.quorum)[0] ?? own;
  return {
    evidence: [...new Set(all.flatMap(({ evidence }) => evidence))],
    seats: fewest.seats,
    quorum: fewest.quorum,
    insuredValue: least(all.map(({ insuredValue }) => insuredValue)),
    unproven: own.unproven,
    endToEnd: isWhole && all.every(({ endToEnd }) => endToEnd),
  };
}
