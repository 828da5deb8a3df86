// SPDX-License-Identifier: GPL-3.0-or-later
import { requireReportData } from "../../../engines/tee/bind.ts";
import type { Verdict } from "../../../engines/tee/verdict.ts";
import { verifyEvidence } from "../../../engines/tee/verify.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { hex, optional } from "../../fields.ts";
import { evidenceArgs, evidenceOptions, readQuestion, refusalOf } from "./evidence-options.ts";

const day = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString().replace(".000", "");

function lines(verdict: Verdict): string {
  const { platform, root, tcb, checks, measurementId, platformId, reportData, notAfter } = verdict;
  return [
    `${root === "simulated" ? "SIMULATED: this proves nothing about hardware\n" : ""}${platform}: ${tcb.status}`,
    ...tcb.short.map((short) => `  short of the newest level: ${short}`),
    ...(tcb.advisories.length === 0 ? [] : [`  advisories: ${tcb.advisories.join(", ")}`]),
    `measurement  ${measurementId}`,
    `platform     ${platformId}`,
    `report data  ${reportData}`,
    `good until   ${day(notAfter)}`,
    ...checks.map(({ name, detail }) => `checked      ${name}: ${detail}`),
  ].join("\n");
}

export const teeVerify = defineCommand({
  name: "tee verify",
  summary: "Check a vendor's attestation evidence from its bytes alone, and say what it states.",
  details:
    "Offline. Roots are pinned in the program; collateral and certificates come from you and are checked as strictly as the evidence. Exit " +
    "code 1 names the check that failed and the component that is short. A verdict is a fact, not an admission: a status such as OutOfDate still " +
    "exits 0 here; `tee tcb-status` judges it, and only a measurement that you compared says what code ran.",
  examples: [
    "assay tee verify quote.bin --collateral collateral.json --now 2026-11-26T12:00:00Z",
    "assay tee verify report.bin --vcek vcek.der --amd-chain ask_ark.pem --amd-floor Milan=4,0,24,219 --json",
    "assay tee verify document.cbor --format nitro-cose",
  ],
  args: evidenceArgs,
  options: {
    ...evidenceOptions,
    reportData: optional("hex", "The 64 bytes that the evidence must have been made over.", hex(64)),
  },
  async run(input, io) {
    try {
      const { evidence, endorsements, roots, now } = readQuestion(input);
      const verdict = verifyEvidence(evidence, endorsements, roots, now, { amdFloors: input.amdFloor ?? {} });
      if (input.reportData !== undefined) requireReportData(verdict, Buffer.from(input.reportData.slice(2), "hex"));
      io.result({ ok: true, verdict }, lines(verdict));
      return EXIT.done;
    } catch (error) {
      const refusal = refusalOf(error);
      io.result({ ok: false, ...refusal }, `refused ${refusal.code}: ${refusal.says}\n${refusal.fix}`);
      return EXIT.failed;
    }
  },
});
