// SPDX-License-Identifier: GPL-3.0-or-later
import * as ort from "onnxruntime-node";
import { ProgramError } from "../../../core/program/errors.ts";
import {
  argmax,
  interpretOutput,
  prepareInput,
  standardise,
  type OutputMeaning,
  type Preprocess,
} from "../../../core/program/preprocess.ts";
import type { Dataset } from "../dataset.ts";
import { loadStage, type ProgramExecutor } from "../executor.ts";
import { createSession } from "../onnx-executor.ts";
import type { Recipe } from "../recipe.ts";
import type { FloatGraph } from "./float-graph.ts";

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
  readonly graph: FloatGraph;
  readonly preprocess: Preprocess;
  readonly output: OutputMeaning;
  /** Bytes of the uncut program. */
  readonly program: Uint8Array;
  readonly data: Dataset;
}

/** The float model's answer for one row of its output. */
function floatAnswer({ decision }: Recipe, { binary }: FloatGraph, values: Float32Array): number {
  if (decision.kind === "argmax") return argmax(values);
  // A classifier of two classes gives both scores, the second one last.
  return (values[binary === null ? 0 : 1] ?? 0) >= decision.value ? 1 : 0;
}

/** Answers of the float model on onnxruntime, in its own float32 arithmetic, on unrounded inputs. */
async function floatAnswers(
  session: ort.InferenceSession,
  { recipe, graph, preprocess }: EvaluateParameters,
  features: Float64Array,
): Promise<number[]> {
  const reals = standardise(preprocess, features);
  const width = preprocess.dims.reduce((product, dim) => product * dim, 1);
  const dims = [reals.length / width, ...preprocess.dims];
  const [name = ""] = session.inputNames;
  const feeds = { [name]: new ort.Tensor("float32", Float32Array.from(reals), dims) };
  const results = await session.run(feeds, [graph.outputName]);
  const data = results[graph.outputName]?.data;
  // An argmax gives positions.
  if (data instanceof BigInt64Array) return Array.from(data, Number);
  if (!(data instanceof Float32Array))
    throw new ProgramError("EXECUTION_FAILED", { reason: "the float model gives no floats" });
  const rows = dims[0] ?? 1;
  const outputs = data.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    floatAnswer(recipe, graph, data.subarray(row * outputs, (row + 1) * outputs)),
  );
}

/** Float against integer accuracy on held-out rows. Counts, not ratios: they compare exactly. */
export async function evaluateModel(parameters: EvaluateParameters, executor: ProgramExecutor): Promise<Accuracy> {
  const { onnx, preprocess, output, program, data } = parameters;
  const stage = loadStage(program);
  const session = await createSession(onnx, 1);
  let [floatCorrect, integerCorrect, agreeing] = [0, 0, 0];
  try {
    for (let from = 0; from < data.rows; from += CHUNK) {
      const to = Math.min(data.rows, from + CHUNK);
      const features = data.features.subarray(from * data.width, to * data.width);
      const float = await floatAnswers(session, parameters, features);
      const { outputs } = await executor.run(stage, [prepareInput(preprocess, features)]);
      const integer = outputs[0] === undefined ? [] : interpretOutput(output, outputs[0]);
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
