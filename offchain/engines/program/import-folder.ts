// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LEAKAGE_FILE } from "../../core/planning/leakage-report.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { MAX_STAGES } from "../../core/program/container.ts";
import { decodeTokens } from "../../core/program/tokens.ts";
import { parseCsv, parseIdx, parseText, takeRows, type Dataset } from "./dataset.ts";
import { keyFile, loadModel } from "./load-program.ts";
import { importModel, type ImportedModel, type ImportOptions } from "./import-model.ts";
import { parseRecipe, type RawSource, type Recipe } from "./recipe.ts";

const read = async (folder: string, file: string): Promise<Uint8Array> => {
  try {
    return new Uint8Array(await readFile(join(folder, file)));
  } catch (cause) {
    throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
  }
};
const readText = async (folder: string, file: string) => new TextDecoder().decode(await read(folder, file));

/**
 * Reads a data set that a recipe names; paths are relative to the model folder. Errors: MODEL_FILE_MISSING, DATASET_MALFORMED; of a joined
 * one those of `loadModel`.
 */
export async function readDataset(folder: string, source: Recipe["evaluation"]): Promise<Dataset> {
  if (source.format === "join") return readJoined(folder, source.parts);
  return readRaw(folder, source);
}

async function readRaw(folder: string, source: RawSource): Promise<Dataset> {
  if (source.format === "text")
    return parseText(await readText(folder, source.file), decodeTokens(await read(folder, "tokens")));
  if (source.format === "csv") return parseCsv(await readText(folder, source.file));
  return parseIdx(await read(folder, source.images), await read(folder, source.labels), source.beside);
}

/** Rows that all parts have; paths of a part's data are relative to that part's model. */
async function readJoined(
  folder: string,
  parts: readonly { readonly model: string; readonly data: RawSource }[],
): Promise<Dataset> {
  const { runRows } = await import("./run-rows.ts");
  const sets: Dataset[] = [];
  for (const { data, model } of parts) sets.push(await readRaw(join(folder, model), data));
  const rows = Math.min(...sets.map((set) => set.rows));
  const outputs: Int32Array[] = [];
  for (const [i, set] of sets.entries())
    outputs.push(await runRows(await loadModel(join(folder, parts[i]?.model ?? "")), takeRows(set, rows)));
  const widths = outputs.map(({ length }) => length / rows);
  const width = widths.reduce((sum, one) => sum + one, 0);
  const features = new Float64Array(rows * width);
  for (let row = 0, at = 0; row < rows; row++)
    for (const [i, output] of outputs.entries()) {
      const size = widths[i] ?? 0;
      features.set(output.subarray(row * size, (row + 1) * size), at);
      at += size;
    }
  return { rows, width, features, labels: sets.at(-1)?.labels.slice(0, rows) ?? new Int32Array() };
}

/** The recipe of a model folder. */
export const readRecipe = async (folder: string): Promise<Recipe> => parseRecipe(await readText(folder, "recipe.json"));

/**
 * `assay model import`: compiles `model.onnx` by `recipe.json` and its data; with `write`, stores the four files and the keys' records.
 * Errors: those of `importModel`, MODEL_FILE_MISSING, DATASET_MALFORMED.
 */
export async function importFolder(
  folder: string,
  options: ImportOptions & { readonly write?: boolean } = {},
): Promise<ImportedModel> {
  const recipe = await readRecipe(folder);
  const onnx = await read(folder, "model.onnx");
  const calibration = await readDataset(folder, recipe.calibration);
  const evaluation = await readDataset(folder, recipe.evaluation);
  const tokens = recipe.preprocess.kind === "tokens" ? await read(folder, "tokens") : undefined;
  const leakage = await readFile(join(folder, LEAKAGE_FILE)).then(
    (bytes) => new Uint8Array(bytes),
    () => undefined,
  );
  const imported = await importModel({ onnx, recipe, calibration, evaluation, tokens, leakage }, options);
  if (options.write === true) {
    for (const [name, bytes] of Object.entries(imported.files)) await writeFile(join(folder, name), bytes);
    for (let stage = 0; stage < MAX_STAGES; stage++) {
      const record = imported.keys[stage] ?? null;
      if (record === null) await rm(join(folder, keyFile(stage)), { force: true });
      else {
        await mkdir(join(folder, "keys"), { recursive: true });
        await writeFile(join(folder, keyFile(stage)), record);
      }
    }
  }
  return imported;
}
