// SPDX-License-Identifier: GPL-3.0-or-later
import type { FairnessReport } from "./fairness-report.ts";
import type { Performance } from "./performance.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const percent = (part: number, whole: number): string => (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`);

const failures = ({ wrong, unrevealed, absent, abstained }: Performance): string =>
  [wrong, unrevealed, absent, abstained].join(" | ");

/** The report for people; `charts` are the files beside it. */
export function fairnessMarkdown(report: FairnessReport, charts: readonly string[]): string {
  const { selection, outliers, workers, operators, models, limits } = report;
  const chosen = new Map(selection.map((one) => [one.workerId, one]));
  const lines = [
    "# Fairness and reliability",
    "",
    `Hub ${report.hub} on chain ${report.chainId}, blocks ${report.fromBlock} to ${report.toBlock}: ${report.jobs} jobs.`,
    "",
    outliers.length === 0
      ? "**No worker's seats are further from its tickets than chance explains (3 standard deviations).**"
      : `**Further from their tickets than chance explains: worker ${outliers.join(", ")}.**`,
    ...charts.flatMap((name) => ["", `![${name}](${name})`]),
    "",
    "| worker | drawn seats | by its tickets | σ | seats | agreed | wrong | unrevealed | absent | abstained | earned | slashed |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ...workers.map((worker) => {
      const { seats = 0, expected = 0, sigmas = 0 } = chosen.get(worker.workerId) ?? {};
      const drawn = `${seats} | ${expected.toFixed(1)} | ${sigmas.toFixed(2)}`;
      return `| ${worker.workerId} | ${drawn} | ${worker.seats} | ${worker.agreed} | ${failures(worker)} | ${worker.earned} | ${worker.slashed} |`;
    }),
    "",
    "| operator | workers | seats | agreed | earned | slashed |",
    "|---|---|---|---|---|---|",
    ...operators.map(
      ({ owner, workers: count, seats, agreed, earned, slashed }) =>
        `| ${owner} | ${count} | ${seats} | ${percent(agreed, seats)} | ${earned} | ${slashed} |`,
    ),
    "",
    "| model | jobs | final | closed | running | disputed | seats | agreed | wrong | unrevealed | absent | abstained |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ...models.map(
      (model) =>
        `| ${cell(model.name)} | ${model.jobs} | ${model.final} | ${model.closed} | ${model.running} | ` +
        `${percent(model.disputed, model.jobs)} | ${model.seats} | ${percent(model.agreed, model.seats)} | ${failures(model)} |`,
    ),
    "",
    "| operator | model | pay of a work unit |",
    "|---|---|---|",
    ...report.pay.map(
      ({ owner, model, perWorkUnit }) => `| ${owner} | ${cell(model)} | ${perWorkUnit.toPrecision(4)} |`,
    ),
    "",
    "What this does not say:",
    "",
    ...limits.map((text) => `- ${text}`),
  ];
  return `${lines.join("\n")}\n`;
}
