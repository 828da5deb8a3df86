// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ProgramError } from "../../core/program/errors.ts";
import { isFloatManifest, loadFloatModel, type LoadedFloatModel } from "./float/load-float-model.ts";
import { loadModel, readManifest, type LoadedModel } from "./load-program.ts";

/** A model folder of either kind: an integer program, or floats with a tolerance. Errors: those of the two loaders. */
export async function loadAnyModel(folder: string): Promise<LoadedModel | LoadedFloatModel> {
  const file = "manifest.json";
  const bytes = await readFile(join(folder, file)).catch((cause: unknown) => {
    throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
  });
  return isFloatManifest(readManifest(new Uint8Array(bytes))) ? loadFloatModel(folder) : loadModel(folder);
}
