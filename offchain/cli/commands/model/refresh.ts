// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildRefreshModels } from "../../../engines/she/model/build-refresh-models.ts";
import { refreshFolder } from "../../../engines/she/model/folders.ts";
import { nodeHashes } from "../../../engines/she/node-hashes.ts";
import { defineCommand } from "../../command.ts";
import { readCompilerInput } from "../../compiler-input.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, required, text } from "../../fields.ts";

export const modelRefresh = defineCommand({
  name: "model refresh",
  summary:
    "Compile an integer model for encrypted evaluation with refreshes: a model over ciphertexts for each linear step.",
  details:
    "Reads an imported model of one stage that is a chain of dense layers, convolutions and pooling with any activation (ReLU too), and " +
    "writes the models of its linear steps into the folders `refresh/0`, `refresh/1` and so on beside it, each with manifest.json, " +
    "program, weights and report.json. Between two steps the client decrypts, rounds, activates and encrypts again (`assay request " +
    "--refreshed`): the end is the integer program's result, bit for bit. The same model gives the same bytes. Refused where noise could " +
    "reach an accumulator.",
  examples: ["assay model refresh models/digits-mlp", "assay model refresh models/digits-mlp --dry-run --json"],
  args: { folder: required("folder", "Model folder.", text) },
  options: { dryRun: flag("Compile and measure, write nothing.") },
  async run({ folder, dryRun }, io) {
    const { plain, program, evaluation } = await readCompilerInput(folder);
    const progress = io.progress("refresh");
    const made = buildRefreshModels(
      { plain: plain.manifest, program, evaluation },
      { hashes: nodeHashes, onProgress: (step) => progress.step(step) },
    );
    progress.done("compiled");
    const steps = made.map(({ manifest, files, report }, step) => {
      const into = join(folder, refreshFolder(step));
      if (!dryRun) {
        mkdirSync(into, { recursive: true });
        for (const [name, bytes] of files) writeFileSync(join(into, name), bytes);
      }
      return { modelId: manifest.modelId, name: manifest.model.name, report };
    });
    io.result(
      { plain: plain.manifest.modelId, steps, written: !dryRun },
      steps
        .map(({ modelId, name, report: { profile, tolerance, keyBytes } }) => {
          const keys = keyBytes.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(", ");
          return `${name}  ${modelId}\n${profile}, tolerance ${tolerance.toExponential(2)}; keys of ${keys}`;
        })
        .join("\n"),
    );
    return EXIT.done;
  },
});
