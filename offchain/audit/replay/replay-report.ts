// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import type { Claim } from "./claims.ts";

/** What an audit of a bundle came to. The same bundle and options give the same report, interrupted or not. */
export interface ReplayReport {
  readonly version: 1;
  /** Nothing is false. It says nothing of what could not be checked. */
  readonly ok: boolean;
  readonly root: Hex;
  readonly chainId: number;
  readonly hub: Hex;
  readonly blocks: number;
  readonly headHash: Hex;
  readonly jobs: readonly Hex[];
  readonly counts: { readonly ok: number; readonly false: number; readonly notCheckable: number };
  /** The first artefact that does not fit, or null. */
  readonly firstMisfit: string | null;
  readonly claims: readonly Claim[];
}

export function replayReport(bundle: Bundle, claims: readonly Claim[]): ReplayReport {
  const { chainId, hub, toBlock, headHash, jobs } = bundle.manifest;
  const count = (verdict: Claim["verdict"]) => claims.filter((claim) => claim.verdict === verdict).length;
  const first = claims.find(({ verdict }) => verdict === "false");
  return {
    version: 1,
    ok: first === undefined,
    root: bundle.root,
    chainId,
    hub,
    blocks: toBlock + 1,
    headHash,
    jobs,
    counts: { ok: count("ok"), false: count("false"), notCheckable: count("not checkable") },
    firstMisfit: first?.artefact ?? null,
    claims,
  };
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const MARK = { ok: "ok", false: "**FALSE**", "not checkable": "not checkable" } as const;

export function replayHeadline({ ok, counts, firstMisfit }: ReplayReport): string {
  const rest = counts.notCheckable === 0 ? "" : `; ${counts.notCheckable} claims could not be checked`;
  return ok
    ? `NOTHING IS FALSE: ${counts.ok} claims hold${rest}`
    : `FALSE: ${counts.false} claims do not hold; the first artefact that does not fit is ${firstMisfit}${rest}`;
}

/** For people. `pictures`: files beside it. */
export function replayMarkdown(report: ReplayReport, pictures: readonly string[] = []): string {
  return `${[
    "# Audit of a bundle",
    "",
    `**${cell(replayHeadline(report))}**`,
    "",
    `- root ${report.root}`,
    `- chain ${report.chainId}, hub ${report.hub}, ${report.blocks} blocks, the last ${report.headHash}`,
    `- ${report.jobs.length} jobs`,
    "",
    "| claim | asserted | verdict | artefact | found |",
    "|---|---|---|---|---|",
    ...report.claims.map(
      ({ id, says, verdict, artefact, detail }) =>
        `| ${cell(id)} | ${cell(says)} | ${MARK[verdict]} | ${cell(artefact ?? "")} | ${cell(detail)} |`,
    ),
    ...pictures.flatMap((name) => ["", `![${name}](${name})`]),
  ].join("\n")}\n`;
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const STYLE =
  "body{font:15px/1.5 sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}" +
  "td,th{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}" +
  ".false{background:#fbd5c0}.ok{background:#d9efe6}.unknown{background:#eee}";

/** One page without scripts, other files or addresses: a hostile bundle's texts are escaped. `charts`: SVG by name, drawn by us. */
export function replayHtml(report: ReplayReport, charts: Readonly<Record<string, string>>): string {
  const kind = { ok: "ok", false: "false", "not checkable": "unknown" } as const;
  const rows = report.claims.map(
    ({ id, says, verdict, artefact, detail }) =>
      `<tr class="${kind[verdict]}"><td>${escape(id)}</td><td>${escape(says)}</td><td>${verdict}</td>` +
      `<td>${escape(artefact ?? "")}</td><td>${escape(detail)}</td></tr>`,
  );
  return `${[
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Audit of a bundle</title>',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<style>${STYLE}</style></head><body><h1>Audit of a bundle</h1>`,
    `<p><strong>${escape(replayHeadline(report))}</strong></p>`,
    `<ul><li>root ${report.root}</li><li>chain ${report.chainId}, hub ${report.hub}, ${report.blocks} blocks, the last ${report.headHash}</li>`,
    `<li>${report.jobs.length} jobs</li></ul>`,
    ...Object.values(charts),
    "<table><tr><th>claim</th><th>asserted</th><th>verdict</th><th>artefact</th><th>found</th></tr>",
    ...rows,
    "</table></body></html>",
  ].join("\n")}\n`;
}
