// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import { modelId } from "../core/model.ts";
import { receiptHash } from "../core/receipt.ts";
import { decodeRefreshedReceipt, verifyRefreshed, type RefreshedReceipt } from "../core/refreshed-receipt.ts";
import { ownGuarantee, type Guarantee } from "../core/receipt-json.ts";
import { unreadable, type AuditOptions, type AuditReport } from "./audit-report.ts";
import { ANCHORED, checkAnchor } from "./check-anchor.ts";

const smallest = <T extends number | bigint>(values: readonly T[]): T | undefined =>
  values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))[0];

/**
 * Re-checks the record of a refreshed program from its bytes: each job like any receipt, then that they follow one another by their client's
 * word. Offline unless `rpcUrl` is given; `manifest` is the plain program's. Never throws on hostile bytes. Errors: those of the chain's
 * endpoint.
 */
export async function auditRefreshed(bytes: Uint8Array, options: AuditOptions): Promise<AuditReport> {
  let record: RefreshedReceipt;
  try {
    record = decodeRefreshedReceipt(bytes);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return unreadable(error);
  }
  const { rpcUrl, hub, chainId, manifest } = options;
  const anchors = await Promise.all(
    record.steps.map(async ({ receipt }) =>
      rpcUrl === undefined ? [] : (await checkAnchor(receipt, rpcUrl, hub)).checks,
    ),
  );
  const report = verifyRefreshed(record, {
    ...(hub === undefined ? {} : { hub }),
    ...(chainId === undefined ? {} : { chainId }),
    ...(manifest === undefined ? {} : { plain: modelId(manifest) }),
    // The chain has confirmed them: commitments that seats posted themselves have its word.
    records: record.steps.map(({ receipt }, step) =>
      anchors[step]?.some(({ name, ok }) => name === ANCHORED && ok) === true ? receipt.recordHash : undefined,
    ),
  });
  const checks = [
    { name: "bytes", ok: true, detail: `${bytes.length} bytes, canonical, of ${record.steps.length} jobs` },
    ...report.checks,
    ...anchors.flatMap((found, step) => found.map((check) => ({ ...check, name: `step ${step}: ${check.name}` }))),
  ];
  const skipped = [
    "refreshes: what the client did between two jobs and behind the last one, nothing proves; it alone saw its activations",
    "re-execution: the record holds no result, for the last rounding is the client's",
    ...(rpcUrl === undefined
      ? ["chain: that this hub exists, that worker ids sign with these addresses and that nothing came later is not known offline"] // prettier-ignore
      : []),
  ];
  const own = record.steps.flatMap(({ receipt }, step) => {
    const found = report.reports[step];
    return found === undefined ? [] : [ownGuarantee(receipt, found)];
  });
  const guarantee: Guarantee = {
    evidence: [...new Set(own.flatMap(({ evidence }) => evidence))],
    seats: smallest(own.map(({ seats }) => seats)) ?? 0,
    quorum: smallest(own.map(({ quorum }) => quorum)) ?? 0,
    insuredValue: smallest(own.map(({ insuredValue }) => insuredValue)) ?? 0n,
    unproven: report.coverage.filter(({ kind }) => kind !== "EVIDENCED").map(({ step }) => step),
    endToEnd: false,
  };
  return {
    ok: checks.every(({ ok }) => ok),
    receiptHash: receiptHash(bytes),
    jobId: record.steps.at(-1)?.receipt.jobId ?? null,
    end: record.steps.every(({ receipt }) => receipt.reason === 0) ? "FINAL" : "CLOSED",
    checks,
    coverage: report.coverage.map(({ step, kind, evidence }) => ({ stage: step, kind, evidence })),
    guarantee,
    skipped,
  };
}
