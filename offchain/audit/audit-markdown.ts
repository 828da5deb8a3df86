// SPDX-License-Identifier: GPL-3.0-or-later
import type { Guarantee } from "../core/receipt-json.ts";
import type { AuditReport } from "./audit-report.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function committeeText({ seats, quorum }: Guarantee): string {
  if (seats === 0) return "no committee";
  return seats === 1 ? "one operator, whose stake answers for it" : `${quorum} of ${seats} seats a committee`;
}

function endText({ endToEnd, seats }: Guarantee): string {
  if (seats === 1) return "Nobody audited or disputed it.";
  return endToEnd ? "Every stage has evidence." : "Not every stage has evidence.";
}

/** An audit report for people. */
export function auditMarkdown(report: AuditReport): string {
  const { ok, checks, coverage, guarantee, skipped } = report;
  const failed = checks.filter((check) => !check.ok);
  const lines = [
    "# Audit of a receipt",
    "",
    `**${ok ? "VALID" : `NOT VALID: ${failed.map(({ name }) => name).join(", ")}`}**`,
    "",
    `- receipt ${report.receiptHash ?? "unreadable"}`,
    `- job ${report.jobId ?? "unknown"}${report.end === null ? "" : `, ${report.end}`}`,
    "",
    "| check | result | found |",
    "|---|---|---|",
    ...checks.map(({ name, ok: good, detail }) => `| ${cell(name)} | ${good ? "ok" : "FAILED"} | ${cell(detail)} |`),
  ];
  if (coverage.length > 0) {
    lines.push("", "| stage | covered by |", "|---|---|");
    for (const { stage, kind, evidence } of coverage)
      lines.push(`| ${stage} | ${kind === "EVIDENCED" ? evidence.join(", ") : kind} |`);
  }
  if (guarantee !== null)
    lines.push(
      "",
      `Evidence: ${guarantee.evidence.join(", ") || "none"}; ` +
        `${committeeText(guarantee)}; a wrong result was insured ` +
        ` for ${guarantee.insuredValue}. ${endText(guarantee)}`,
    );
  if (skipped.length > 0) lines.push("", "Not checked:", "", ...skipped.map((text) => `- ${text}`));
  return `${lines.join("\n")}\n`;
}
