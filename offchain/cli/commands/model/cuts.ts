// SPDX-License-Identifier: GPL-3.0-or-later
import { DEFAULT_LEAKAGE_LIMITS, type LeakageFigures } from "../../../core/planning/leakage-limits.ts";
import { leakageAfter, type LeakageReport } from "../../../core/planning/leakage-report.ts";
import { MAX_PLAN_STAGES } from "../../../core/planning/types.ts";
import { REFERENCE_RATES, searchCuts } from "../../../core/planning/search-cuts.ts";
import { KIND_BLINDED, KIND_PUBLIC, KIND_SALTED } from "../../../core/types.ts";
import { joinStages } from "../../../engines/program/join-stages.ts";
import { loadModel } from "../../../engines/program/load-program.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { choice, defaulted, flag, integer, required, text } from "../../fields.ts";

const KINDS = { PUBLIC: KIND_PUBLIC, SALTED: KIND_SALTED, BLINDED: KIND_BLINDED } as const;

/** The report's figures of boundaries as they are, without noise. */
function figuresOf(report: LeakageReport | null): Map<number, LeakageFigures> {
  const figures = new Map<number, LeakageFigures>();
  for (const { afterOp } of report?.cuts ?? []) {
    const found = report === null ? null : leakageAfter(report, afterOp);
    if (found !== null) figures.set(afterOp, found);
  }
  return figures;
}

export const modelCuts = defineCommand({
  name: "model cuts",
  summary: "Where a model may be cut into stages, and where cutting makes the slowest stage fastest.",
  details:
    "Times are those of a reference worker: they say which cuts balance, not how fast your machines are. A cut is named by the operator " +
    "after which it lies, as `assay model inspect` numbers them over all stages; put the matching ONNX node into `stages` of recipe.json. " +
    "With --split, cuts are refused that the model's leakage report says nothing about or puts above the default limits: what a boundary " +
    "shows to the workers behind it.",
  examples: [
    "assay model cuts models/digits-cnn --stages 3",
    "assay model cuts models/digits-mlp --kind BLINDED --json",
    "assay model cuts models/digits-cnn --split --stages 1",
  ],
  args: { folder: required("folder", "Model folder.", text) },
  options: {
    stages: defaulted("n", "How many stages.", integer(1, MAX_PLAN_STAGES), 2),
    kind: defaulted("kind", "Digest kind of the boundaries.", choice("PUBLIC", "SALTED", "BLINDED"), "SALTED"),
    batch: defaulted("rows", "Inputs in one job.", integer(1, 4096), 1),
    memory: defaulted("MiB", "Memory of a worker.", integer(1, 1 << 20), 4096),
    split: flag("Stages are SPLIT ones: refuse cuts that show too much, or nobody knows how much."),
  },
  async run({ folder, stages, kind, batch, memory, split }, io) {
    const model = await loadModel(folder);
    const { program, analysis } = joinStages(model);
    const profile = { rates: REFERENCE_RATES, memoryBytes: memory * 2 ** 20, kind: KINDS[kind], batch };
    const leakage = figuresOf(model.leakage);
    const limits = split ? { limits: DEFAULT_LEAKAGE_LIMITS } : {};
    const result = searchCuts(program, analysis, { stages, profile, leakage, ...limits });
    const rows = result.table.map(({ afterOp, dims, bytes, macsBefore, leakage: figures, refused, isChosen }) =>
      [
        isChosen ? ">" : " ",
        String(afterOp).padStart(3),
        (program.ops[afterOp]?.kind ?? "").padEnd(10),
        dims.join("x").padEnd(12),
        `${bytes * batch} bytes`.padStart(14),
        `${macsBefore} multiply-adds before`.padStart(32),
        figures === null ? "" : ` shows ${(figures.recoveryPpm / 10_000).toFixed(1)} %`,
        refused === null ? "" : ` refused: ${refused}`,
      ].join(" "),
    );
    const times = result.stageNs.map((ns) => `${(ns / 1e6).toFixed(2)} ms`).join(", ");
    io.result(result, [...rows, `stages on the reference worker: ${times}`].join("\n"));
    return EXIT.done;
  },
});
