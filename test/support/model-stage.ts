// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from "../../offchain/core/claim.ts";
import { digestOf } from "../../offchain/core/digest.ts";
import { prepareInput } from "../../offchain/core/program/preprocess.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_PUBLIC, KIND_SALTED } from "../../offchain/core/types.ts";
import { takeRows } from "../../offchain/engines/program/dataset.ts";
import type { LoadedStage } from "../../offchain/engines/program/executor.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { runReference } from "../../offchain/engines/program/reference-executor.ts";

export interface StageSample {
  readonly stage: LoadedStage;
  readonly input: Tensor;
  readonly output: Tensor;
}

/** The first stage of a model of the zoo, with the row of its evaluation data. */
export async function stageSample(model: string, row = 0): Promise<StageSample> {
  const folder = new URL(`../../models/${model}`, import.meta.url).pathname;
  const { stages, preprocess } = await loadModel(folder);
  const [stage] = stages as [LoadedStage];
  const rows = takeRows(await readDataset(folder, (await readRecipe(folder)).evaluation), row + 1);
  const width = rows.features.length / (row + 1);
  const input = prepareInput(preprocess, rows.features.slice(row * width));
  const [output] = runReference(stage, [input]).outputs as [Tensor];
  return { stage, input, output };
}

/** What a worker would say about the sample; with salts both ends are SALTED. */
export function claimOfSample({ input, output }: StageSample, salts: readonly Uint8Array[] = []): Claim {
  const digest = (tensor: Tensor, salt?: Uint8Array) =>
    digestOf(salt === undefined ? KIND_PUBLIC : KIND_SALTED, encodeTensor(tensor), salt);
  return {
    jobId: `0x${"0a".repeat(32)}`,
    stage: 0,
    inDigest: digest(input, salts[0]),
    outDigest: digest(output, salts[1]),
    worker: `0x${"0b".repeat(20)}`,
  };
}
