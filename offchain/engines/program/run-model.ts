// SPDX-License-Identifier: GPL-3.0-or-later
import { ProgramError } from "../../core/program/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import { PRODUCER_INPUT, type StageInfo } from "../../core/types.ts";
import type { LoadedStage, ProgramExecutor, StageResult } from "./executor.ts";
import type { LoadedModel } from "./load-program.ts";

export interface ModelRun {
  /** Results of every stage, in order; the last one's output is the model's. */
  readonly stages: readonly StageResult[];
  readonly output: Tensor;
}

/** Runs all stages of a model one after the other; of a MASKED one the program that its lanes share, unmasked. Errors: those of `checkInputs`. */
export async function runModel(model: LoadedModel, input: Tensor, executor: ProgramExecutor): Promise<ModelRun> {
  const stages = model.isMasked ? model.stages.slice(0, 1) : model.stages;
  return runStages(stages, model.manifest.model.stages, input, executor);
}

/** The same for stages that were taken out of a model, under their own table. */
export async function runStages(
  stages: readonly LoadedStage[],
  table: readonly Pick<StageInfo, "producers">[],
  input: Tensor,
  executor: ProgramExecutor,
): Promise<ModelRun> {
  const results: StageResult[] = [];
  for (const [index, stage] of stages.entries()) {
    const producers = table[index]?.producers ?? [];
    const inputs = producers.map((producer) =>
      producer === PRODUCER_INPUT ? input : (results[producer]?.outputs[0] ?? input),
    );
    results.push(await executor.run(stage, inputs));
  }
  const output = results.at(-1)?.outputs[0];
  if (output === undefined) throw new ProgramError("EXECUTION_FAILED", { reason: "the model has no stages" });
  return { stages: results, output };
}
