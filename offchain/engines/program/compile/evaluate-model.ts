// SPDX-License-Identifier: GPL-3.0-or-later
import * as ort from "onnxruntime-node";
import { ProgramError } from "../../../core/program/errors.ts";
import { argmax, interpretOutput, prepareInput, standardise } from "../../../core/program/preprocess.ts";
import type { Dataset } from "../dataset.ts";
import { loadStage, type ProgramExecutor } from "../executor.ts";
import { createSession } from "../onnx-executor.ts";
import type { Recipe, Usage } from "../recipe.ts";

export interface Accuracy {
  readonly rows: number;
  readonly floatCorrect: number;
  readonly integerCorrect: number;
  /** Rows on which both give the same answer, right or wrong. */
  readonly agreeing: number;
}

const CHUNK = 500;

interface EvaluateParameters {
  readonly onnx: Uint8Array;
  readonly recipe: Recipe;
  readonly usage: Usage;
  /** Bytes of the uncut program. */
  readonly program: Uint8Array;
  readonly data: Dataset;
}

/** Answers of the float model on onnxruntime, in its own float32 arithmetic, on unrounded inputs. */
async function floatAnswers(session: ort.InferenceSession, recipe: Recipe, features: Float64Array): Promise<number[]> {
  const reals = standardise(recipe.preprocess, features);
  const width = recipe.preprocess.dims.reduce((product, dim) => product * dim, 1);
  const dims = [reals.length / width, ...recipe.preprocess.dims];
  const [name = ""] = session.inputNames;
  const results = await session.run({ [name]: new ort.Tensor("float32", Float32Array.from(reals), dims) });
  const data = results[session.outputNames[0] ?? ""]?.data;
  if (!(data instanceof Float32Array))
    throw new ProgramError("EXECUTION_FAILED", { reason: "the float model gives no floats" });
  const rows = dims[0] ?? 1;
  const outputs = data.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const values = data.subarray(row * outputs, (row + 1) * outputs);
    if (recipe.decision.kind === "argmax") return argmax(values);
    return (values[0] ?? 0) >= recipe.decision.value ? 1 : 0;
  });
}

/** Float against integer accuracy on held-out rows. Counts, not ratios: they compare exactly. */
export async function evaluateModel(parameters: EvaluateParameters, executor: ProgramExecutor): Promise<Accuracy> {
  const { onnx, recipe, usage, program, data } = parameters;
  const stage = loadStage(program);
  const session = await createSession(onnx, 1);
  let [floatCorrect, integerCorrect, agreeing] = [0, 0, 0];
  try {
    for (let from = 0; from < data.rows; from += CHUNK) {
      const to = Math.min(data.rows, from + CHUNK);
      const features = data.features.subarray(from * data.width, to * data.width);
      const float = await floatAnswers(session, recipe, features);
      const { outputs } = await executor.run(stage, [prepareInput(usage.preprocess, features)]);
      const integer = outputs[0] === undefined ? [] : interpretOutput(usage.output, outputs[0]);
      for (let i = 0; i < to - from; i++) {
        const truth = data.labels[from + i];
        if (float[i] === truth) floatCorrect++;
        if (integer[i]?.index === truth) integerCorrect++;
        if (integer[i]?.index === float[i]) agreeing++;
      }
    }
  } finally {
    await session.release();
  }
  return { rows: data.rows, floatCorrect, integerCorrect, agreeing };
}
