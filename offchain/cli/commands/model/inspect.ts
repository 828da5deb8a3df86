// SPDX-License-Identifier: GPL-3.0-or-later
import { inspectFloatModel } from "../../../engines/program/float/inspect-float-model.ts";
import { inspectModel } from "../../../engines/program/inspect.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";

const percent = (ppm: number) => `${(ppm / 10_000).toFixed(1)} %`;

export const modelInspect = defineCommand({
  name: "model inspect",
  summary: "Check a model's files against its manifest and show its stages, operators and bounds.",
  examples: ["assay model inspect models/digits-cnn", "assay model inspect models/mail-letters --json"],
  args: { folder: required("folder", "Model folder.", text) },
  options: {},
  async run({ folder }, io) {
    const model = await loadAnyModel(folder);
    if ("tolerance" in model) {
      const summary = inspectFloatModel(model);
      io.result(
        summary,
        [
          `${summary.name}  ${summary.modelId}`,
          `float model: input ${summary.inputDims.join(" x ")}, output ${summary.outputDims.join(" x ")}, ${summary.macs} multiply-adds, ${summary.workUnits} work units`,
          `class T: seats agree within ${summary.tau} steps of ${summary.scale}; no proof and no court speaks about floats`,
          ...summary.operators.map(({ kind, count }) => `  ${String(count).padStart(3)}  ${kind}`),
        ].join("\n"),
      );
      return EXIT.done;
    }
    const summary = inspectModel(model);
    const lines = [
      `${summary.name}  ${summary.modelId}`,
      `input ${summary.inputDims.join(" x ")}, ${summary.labels.length} labels, ${summary.macs} multiply-adds, ${summary.workUnits} work units`,
    ];
    for (const [index, stage] of summary.stages.entries()) {
      lines.push(
        `stage ${index}: ${stage.place}, ${stage.family}, ${stage.inKind} to ${stage.outKind}, ${stage.bytes} bytes`,
      );
      lines.push(stage.keyId === null ? "  no key" : `  key ${stage.keyId}, ${stage.weights} weights`);
      for (const op of stage.operators)
        lines.push(
          `  ${String(op.index).padStart(2)}  ${op.kind.padEnd(14)} ${`${op.dtype}[${op.dims.join(",")}]`.padEnd(16)} ${op.range.join(" to ")}` +
            (op.accumulator === null ? "" : `, accumulator ${op.accumulator.join(" to ")}`),
        );
    }
    if (summary.leakage !== null) {
      lines.push(`leakage report ${summary.leakage.hash}: what attacks recover behind each cut, at least`);
      for (const { afterOp, kind, dims, recoveryPpm, dcorPpm, isInputBehind, isWithinLimits } of summary.leakage.cuts)
        lines.push(
          `  ${String(afterOp).padStart(2)}  ${kind.padEnd(14)} ${dims.join("x").padEnd(16)} recovery ${percent(recoveryPpm)}, correlation ${(dcorPpm / 1e6).toFixed(3)}` +
            (isWithinLimits ? "" : isInputBehind ? ", the input is read behind it" : ", above the limits"),
        );
    }
    io.result(summary, lines.join("\n"));
    return EXIT.done;
  },
});
