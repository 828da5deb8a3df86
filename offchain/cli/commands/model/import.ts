// SPDX-License-Identifier: GPL-3.0-or-later
import { modelId } from "../../../core/model.ts";
import { importFolder } from "../../../engines/program/import-folder.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, required, text } from "../../fields.ts";

export const modelImport = defineCommand({
  name: "model import",
  summary: "Compile model.onnx by recipe.json into a program, with bounds proved and accuracy measured.",
  details:
    "The folder holds model.onnx and recipe.json, which names calibration and evaluation data. Without --dry-run the four files " +
    "manifest.json, model.json, program and report.json are written. A model whose static bounds do not hold is refused.",
  examples: ["assay model import models/tumor-mlp", "assay model import my-model --dry-run --json"],
  args: { folder: required("folder", "Model folder.", text) },
  options: { dryRun: flag("Compile and measure, write nothing.") },
  async run({ folder, dryRun }, io) {
    const progress = io.progress("import");
    const imported = await importFolder(folder, { write: !dryRun, onProgress: (step) => progress.step(step) });
    progress.done("compiled");
    const report = JSON.parse(new TextDecoder().decode(imported.files["report.json"])) as { evaluation: unknown };
    const id = modelId(imported.model);
    io.result(
      { modelId: id, name: imported.model.name, evaluation: report.evaluation, written: !dryRun },
      `${imported.model.name}  ${id}\n${JSON.stringify(report.evaluation)}`,
    );
    return EXIT.done;
  },
});
