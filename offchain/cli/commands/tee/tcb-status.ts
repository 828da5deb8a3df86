// SPDX-License-Identifier: GPL-3.0-or-later
import { GENERAL_STATUSES } from "../../../engines/tee/admit.ts";
import { readCollateralBundle } from "../../../engines/tee/collateral-file.ts";
import { tcbReport } from "../../../engines/tee/dcap/tcb-report.ts";
import type { IntelCollateral, Verdict } from "../../../engines/tee/verdict.ts";
import { verifyEvidence } from "../../../engines/tee/verify.ts";
import { defineCommand } from "../../command.ts";
import { readJson } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT, type ExitCode } from "../../exit-code.ts";
import { optional, text } from "../../fields.ts";
import { evidenceArgs, evidenceOptions, readQuestion, refusalOf, type EvidenceQuestion } from "./evidence-options.ts";

type Judged = {
  readonly status: string;
  readonly isGood: boolean;
  readonly why: string;
  readonly verdict: Verdict | null;
};

function judge({ evidence, endorsements, roots, now }: EvidenceQuestion): Judged {
  try {
    const verdict = verifyEvidence(evidence, endorsements, roots, now);
    const { status, short, advisories } = verdict.tcb;
    return { status, isGood: GENERAL_STATUSES.includes(status), why: [...short, ...advisories].join(", "), verdict };
  } catch (error) {
    const { code, says } = refusalOf(error);
    return { status: `refused ${code}`, isGood: false, why: says, verdict: null };
  }
}

function rowsOf(question: EvidenceQuestion, collateral: IntelCollateral): ReturnType<typeof tcbReport> {
  try {
    return tcbReport(question.evidence, collateral);
  } catch (error) {
    refusalOf(error);
    return [];
  }
}

export const teeTcbStatus = defineCommand({
  name: "tee tcb-status",
  summary: "Say how current an Intel platform's firmware is, component by component, and what raises it.",
  details:
    "With --early also under Intel's early set: what the next recovery will make of this platform. Exit code 0: admissible to general jobs; 75: " +
    "admissible now but not under the early set, so update before it is enforced; 1: refused.",
  examples: ["assay tee tcb-status quote.bin --collateral collateral.json --early early.json"],
  args: evidenceArgs,
  options: { ...evidenceOptions, early: optional("file", "The same bundle from Intel's early update.", text) },
  async run(input, io): Promise<ExitCode> {
    const question = readQuestion(input);
    const { endorsements } = question;
    if (endorsements.kind !== "intel")
      throw new CliError("USAGE", { why: "tee tcb-status needs an Intel quote and --collateral" });
    const current = judge(question);
    const early =
      input.early === undefined
        ? null
        : judge({ ...question, endorsements: readCollateralBundle(readJson(input.early)) });
    const rows = rowsOf(question, endorsements);
    const exit = !current.isGood ? EXIT.failed : early === null || early.isGood ? EXIT.done : EXIT.later;
    const lines = [
      `${current.verdict?.root === "simulated" ? "SIMULATED " : ""}${current.status}${current.why === "" ? "" : `: ${current.why}`}`,
      ...(early === null ? [] : [`early set: ${early.status}${early.why === "" ? "" : `: ${early.why}`}`]),
      ...rows.map(
        ({ component, have, newest, raisedBy }) =>
          `  ${component.padEnd(16)} ${String(have).padStart(5)} of ${String(newest).padEnd(5)} ${have < newest ? "SHORT " : "      "}${raisedBy}`,
      ),
    ];
    const brief = ({ status, isGood, why }: Judged) => ({ status, isGood, why });
    io.result(
      { ok: current.isGood, current: brief(current), early: early === null ? null : brief(early), rows },
      lines.join("\n"),
    );
    return exit;
  },
});
