// SPDX-License-Identifier: GPL-3.0-or-later
import type { AuditReport } from "./verify-receipt-file.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

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
        `${guarantee.seats === 0 ? "no committee" : `${guarantee.quorum} of ${guarantee.seats} seats a committee`}; a wrong result was insured ` +
        ` for ${guarantee.insuredValue}. ${guarantee.endToEnd ? "Every stage has evidence." : "Not every stage has evidence."}`,
    );
  if (skipped.length > 0) lines.push("", "Not checked:", "", ...skipped.map((text) => `- ${text}`));
  return `${lines.join("\n")}\n`;
}
