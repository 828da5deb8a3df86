// SPDX-License-Identifier: GPL-3.0-or-later
import { modelId } from "../../../core/model.ts";
import { MAX_STAGES } from "../../../core/program/container.ts";
import { calibrateTolerance } from "../../../engines/committee/calibrate-tolerance.ts";
import { importFloatFolder, isFloatFolder } from "../../../engines/program/float/import-float-folder.ts";
import { importFolder } from "../../../engines/program/import-folder.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, flag, required, text } from "../../fields.ts";
import { modelKeys } from "../../model-keys.ts";
import { readOpenings, writeOpenings } from "../../../engines/zk/weights/opening-files.ts";

export const modelImport = defineCommand({
  name: "model import",
  summary: "Compile model.onnx by recipe.json into a program, with bounds proved and accuracy measured.",
  details:
    "The folder holds model.onnx and recipe.json, which names calibration and evaluation data. Without --dry-run the four files " +
    "manifest.json, model.json, program and report.json are written. A model whose static bounds do not hold is refused. " +
    "If the recipe has `proofs`, each stage gets a circuit and a key: a ceremony's if there is one, else a development key, which only " +
    "the local chain accepts; its record goes into keys/. A recipe of class T keeps the model in floats: it is run on every kind of honest " +
    "machine, and the tolerance that seats compare within goes into its manifest. Private weights are committed to; keys/<stage>.opening opens the commitment and is a secret.",
  examples: ["assay model import models/tumor-mlp", "assay model import my-model --dry-run --json"],
  args: { folder: required("folder", "Model folder.", text) },
  options: {
    dryRun: flag("Compile and measure, write nothing."),
    keys: defaulted("folder", "Ceremonies' keys, one folder each.", text, "circuits/keys"),
    cache: defaulted("folder", "Where gadgets and development keys are kept.", text, "build/zk"),
  },
  async run({ folder, dryRun, keys, cache }, io) {
    const progress = io.progress("import");
    const onProgress = (step: string) => progress.step(step);
    const importProgram = async () => {
      const openings = readOpenings(folder, MAX_STAGES);
      const keyMaker = modelKeys({ keyFolder: keys, cacheFolder: cache, openings, signal: io.signal, onProgress });
      const made = await importFolder(folder, { write: !dryRun, onProgress, keyMaker });
      if (!dryRun) writeOpenings(folder, openings);
      return made;
    };
    const imported = (await isFloatFolder(folder))
      ? await importFloatFolder(folder, { write: !dryRun, onProgress, calibrate: calibrateTolerance })
      : await importProgram();
    progress.done("compiled");
    const report = JSON.parse(new TextDecoder().decode(imported.files["report.json"])) as {
      evaluation: unknown;
      tolerance?: unknown;
    };
    const id = modelId(imported.model);
    io.result(
      {
        modelId: id,
        name: imported.model.name,
        evaluation: report.evaluation,
        ...(report.tolerance === undefined ? {} : { tolerance: report.tolerance }),
        written: !dryRun,
      },
      `${imported.model.name}  ${id}\n${JSON.stringify(report.evaluation)}`,
    );
    return EXIT.done;
  },
});
