// SPDX-License-Identifier: MIT
import { KIND_NAMES, OPTIMISTIC, PLACE_CLIENT, REASON_NAMES, VOTE } from "./types.ts";
import { receiptHash, type Receipt } from "./receipt.ts";
import type { ReceiptReport } from "./verify-receipt.ts";
import { quorum } from "./vote.ts";

/** Facts for the sentence "what this receipt guarantees"; wording is the reader's. */
export interface Guarantee {
  readonly evidence: readonly string[];
  /** Of the committee whose word counts; 0 where nobody votes, 1 where one operator answered alone. */
  readonly seats: number;
  readonly quorum: number;
  /** Highest amount that a wrong result was insured for, wei. */
  readonly insuredValue: bigint;
  /** Stages that nothing stands behind but their own party's word. */
  readonly unproven: readonly number[];
  /**
   * True if every stage of the model, and of every branch that was joined, has evidence by more than its own operator: only then may a
   * result be called verified from end to end.
   */
  readonly endToEnd: boolean;
}

/** What a receipt guarantees by itself: of a joined job not from end to end, for its branches have receipts of their own (`followParents`). */
export function guaranteeOf(receipt: Receipt, report: ReceiptReport): Guarantee {
  const own = ownGuarantee(receipt, report);
  return { ...own, endToEnd: own.endToEnd && receipt.parents.length === 0 };
}

/** Of the job's own stages, whatever was fed to them. */
export function ownGuarantee(receipt: Receipt, report: ReceiptReport): Guarantee {
  const { k, mask } = receipt.job.spec.policy;
  const isAlone = report.coverage.some(({ evidence }) => evidence.includes("OPTIMISTIC"));
  const seats = isAlone ? 1 : mask & (VOTE | OPTIMISTIC) ? k : 0;
  const unproven = report.coverage.filter(({ kind }) => kind !== "EVIDENCED").map(({ stage }) => stage);
  return {
    evidence: [...new Set(report.coverage.flatMap(({ evidence }) => evidence))],
    seats,
    quorum: quorum(seats),
    insuredValue: receipt.job.spec.insuredValue,
    unproven,
    endToEnd: report.ok && receipt.reason === 0 && unproven.length === 0 && !isAlone,
  };
}

/** A view for people and programs: amounts as decimal strings, names beside numbers. Only the binary form is hashed. */
export function receiptJson(receipt: Receipt): unknown {
  const view = {
    format: "assay.v1.receipt",
    receiptHash: receiptHash(receipt),
    end: receipt.reason === 0 ? "FINAL" : (REASON_NAMES[receipt.reason] ?? "UNKNOWN"),
    stages: receipt.manifest.stages.map(({ place, inKind, outKind }) => ({
      place: place === PLACE_CLIENT ? "client" : "network",
      inKind: KIND_NAMES[inKind as 0],
      outKind: KIND_NAMES[outKind as 0],
    })),
    ...receipt,
  };
  return JSON.parse(
    JSON.stringify(view, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value)),
  ) as unknown;
}
