// SPDX-License-Identifier: GPL-3.0-or-later
import { inspectModel } from "../../../engines/program/inspect.ts";
import { loadModel } from "../../../engines/program/load-program.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";

export const modelInspect = defineCommand({
  name: "model inspect",
  summary: "Check a model's files against its manifest and show its stages, operators and bounds.",
  examples: ["assay model inspect models/digits-cnn", "assay model inspect models/tumor-mlp --json"],
  args: { folder: required("folder", "Model folder.", text) },
  options: {},
  async run({ folder }, io) {
    const summary = inspectModel(await loadModel(folder));
    const lines = [
      `${summary.name}  ${summary.modelId}`,
      `input ${summary.inputDims.join(" x ")}, ${summary.labels.length} labels, ${summary.macs} multiply-adds, ${summary.workUnits} work units`,
    ];
    for (const [index, stage] of summary.stages.entries()) {
      lines.push(`stage ${index}: ${stage.family}, ${stage.inKind} to ${stage.outKind}, ${stage.bytes} bytes`);
      lines.push(stage.keyId === null ? "  no key" : `  key ${stage.keyId}, ${stage.weights} weights`);
      for (const op of stage.operators)
        lines.push(
          `  ${String(op.index).padStart(2)}  ${op.kind.padEnd(14)} ${`${op.dtype}[${op.dims.join(",")}]`.padEnd(16)} ${op.range.join(" to ")}` +
            (op.accumulator === null ? "" : `, accumulator ${op.accumulator.join(" to ")}`),
        );
    }
    io.result(summary, lines.join("\n"));
    return EXIT.done;
  },
});
