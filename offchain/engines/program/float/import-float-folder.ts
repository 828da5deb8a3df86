// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProgramError } from "../../../core/program/errors.ts";
import { readDataset } from "../import-folder.ts";
import { isFloatRecipe, parseFloatRecipe } from "./float-recipe.ts";
import { importFloatModel, type FloatImportOptions, type ImportedFloatModel } from "./import-float-model.ts";

const read = async (folder: string, file: string): Promise<Uint8Array> => {
  try {
    return new Uint8Array(await readFile(join(folder, file)));
  } catch (cause) {
    throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
  }
};
const recipeText = async (folder: string) => new TextDecoder().decode(await read(folder, "recipe.json"));

/** Whether a folder's recipe is a float model's. Errors: MODEL_FILE_MISSING, MODEL_FILE_INVALID. */
export const isFloatFolder = async (folder: string): Promise<boolean> => isFloatRecipe(await recipeText(folder));

/**
 * `assay model import` of a float model; with `write`, stores manifest.json, model.json and report.json beside
 * model.onnx. Errors: those of `importFloatModel`, MODEL_FILE_MISSING, DATASET_MALFORMED.
 */
export async function importFloatFolder(
  folder: string,
  options: FloatImportOptions & { readonly write?: boolean },
): Promise<ImportedFloatModel> {
  const recipe = parseFloatRecipe(await recipeText(folder));
  const onnx = await read(folder, "model.onnx");
  const calibration = await readDataset(folder, recipe.calibration);
  const evaluation = await readDataset(folder, recipe.evaluation);
  const imported = await importFloatModel({ onnx, recipe, calibration, evaluation }, options);
  if (options.write === true)
    for (const [name, bytes] of Object.entries(imported.files)) await writeFile(join(folder, name), bytes);
  return imported;
}
