// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildCipherModel } from "../../../engines/she/model/build-cipher-model.ts";
import { CIPHER_FOLDER } from "../../../engines/she/model/folders.ts";
import { nodeHashes } from "../../../engines/she/node-hashes.ts";
import { defineCommand } from "../../command.ts";
import { readCompilerInput } from "../../compiler-input.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, flag, integer, required, text, type Parsed } from "../../fields.ts";

const cuts = (value: string): Parsed<readonly number[]> => {
  const numbers = value.split(",").map(Number);
  return numbers.every((cut, i) => Number.isInteger(cut) && cut >= 0 && cut < 32 && (numbers[i - 1] ?? -1) < cut)
    ? { value: numbers }
    : { why: "must be numbers of linear layers, ascending, such as 0,1" };
};

export const modelCipher = defineCommand({
  name: "model cipher",
  summary:
    "Compile a polynomial model for encrypted evaluation: a model of its own, whose stages see ciphertexts only.",
  details:
    "Reads an imported model of one stage with squares as its only activation, and writes its model over ciphertexts into the folder " +
    "`cipher` beside it: manifest.json (another model id, for `assay model register`), program (packing, levels, keys of each stage, " +
    "tolerance), weights, encoded once, and report.json: the largest error of 1,000 evaluations under 4 key sets, of which the " +
    "tolerance is four times. The same model gives the same bytes. Refused where levels, slots or keys do not suffice.",
  examples: [
    "assay model cipher models/digits-mlp-poly --cut 0",
    "assay model cipher models/tumor-poly --cut 0 --interleave 128 --dry-run",
  ],
  args: { folder: required("folder", "Model folder.", text) },
  options: {
    cut: defaulted("layers", "Begin a stage behind these linear layers, from 0.", cuts, [] as readonly number[]),
    interleave: defaulted("samples", "Inputs that one ciphertext carries, a power of two.", integer(1, 8192), 1),
    dryRun: flag("Compile and measure, write nothing."),
  },
  async run({ folder, cut, interleave, dryRun }, io) {
    const { plain, ...given } = await readCompilerInput(folder);
    const progress = io.progress("cipher");
    const { manifest, files, report } = buildCipherModel(
      { plain: plain.manifest, ...given, cuts: cut, interleave },
      { hashes: nodeHashes, onProgress: (step) => progress.step(step) },
    );
    progress.done("compiled");
    if (!dryRun) {
      mkdirSync(join(folder, CIPHER_FOLDER), { recursive: true });
      for (const [name, bytes] of files) writeFileSync(join(folder, CIPHER_FOLDER, name), bytes);
    }
    const { name } = manifest.model;
    const keys = report.keyBytes.map((bytes, i) => `stage ${i}: ${(bytes / 1e6).toFixed(1)} MB`).join(", ");
    io.result(
      { modelId: manifest.modelId, name, plain: plain.manifest.modelId, report, written: !dryRun },
      `${name}  ${manifest.modelId}\n${report.profile}, tolerance ${report.tolerance.toExponential(2)}; keys of ${keys}`,
    );
    return EXIT.done;
  },
});
