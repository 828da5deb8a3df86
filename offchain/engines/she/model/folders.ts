// SPDX-License-Identifier: MIT
// Where the models over ciphertexts of a plain model lie.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Of the model over ciphertexts, inside its plain model's folder. */
export const CIPHER_FOLDER = "cipher";

/** Of the model of a refreshed step, inside its plain model's folder. */
export const refreshFolder = (step: number): string => join("refresh", String(step));

const isModel = (folder: string): boolean => existsSync(join(folder, "manifest.json"));

/** Folders of all models over ciphertexts inside a plain model's folder: of the whole, then of its refreshed steps in order. */
export function innerFolders(folder: string): readonly string[] {
  const steps: string[] = [];
  for (let step = 0; isModel(join(folder, refreshFolder(step))); step++) steps.push(join(folder, refreshFolder(step)));
  return [join(folder, CIPHER_FOLDER), ...steps].filter(isModel);
}
