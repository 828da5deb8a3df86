// SPDX-License-Identifier: GPL-3.0-or-later
import { prepareInput } from "../core/program/preprocess.ts";
import type { Program } from "../core/program/types.ts";
import { joinDatasets, takeRows, type Dataset } from "../engines/program/dataset.ts";
import { readDataset, readRecipe } from "../engines/program/import-folder.ts";
import { loadModel, type LoadedModel } from "../engines/program/load-program.ts";
import { LEAST_OBSERVATIONS } from "../engines/she/compile/tolerance.ts";
import { CliError } from "./errors.ts";

/** Scales are chosen on so many rows. */
const CALIBRATION_ROWS = 200;

export interface CompilerInput {
  readonly plain: LoadedModel;
  readonly program: Program;
  /** Rows of the recipe's data as the integers that the program takes: to choose scales by, and to measure errors on. */
  readonly calibration: readonly ArrayLike<number>[];
  readonly evaluation: readonly ArrayLike<number>[];
}

/** What the compilers of models over ciphertexts are given of a plain model's folder. Errors: INPUT_INVALID, those of `loadModel`. */
export async function readCompilerInput(folder: string): Promise<CompilerInput> {
  const plain = await loadModel(folder);
  const [stage, ...others] = plain.stages;
  if (stage === undefined || others.length > 0 || plain.preprocess.kind === "tokens")
    throw new CliError("INPUT_INVALID", { path: folder, why: "a model of one stage over numbers is needed" });
  const recipe = await readRecipe(folder);
  const [calibration, held] = [
    await readDataset(folder, recipe.calibration),
    await readDataset(folder, recipe.evaluation),
  ];
  const evaluation = held.rows < LEAST_OBSERVATIONS.evaluations ? joinDatasets(held, calibration) : held;
  return {
    plain,
    program: stage.program,
    calibration: rowsOf(plain, calibration, CALIBRATION_ROWS),
    evaluation: rowsOf(plain, evaluation, LEAST_OBSERVATIONS.evaluations),
  };
}

/** At most so many rows as the integers that the program takes. */
function rowsOf({ preprocess }: LoadedModel, data: Dataset, most: number): ArrayLike<number>[] {
  const rows = Math.min(most, data.rows);
  const { data: integers } = prepareInput(preprocess, takeRows(data, rows).features);
  const width = integers.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    Array.from(integers.subarray(row * width, (row + 1) * width), Number),
  );
}
