// SPDX-License-Identifier: GPL-3.0-or-later
import { prepareInput } from "../../core/program/preprocess.ts";
import type { Dataset } from "./dataset.ts";
import type { LoadedModel } from "./load-program.ts";
import { createOnnxExecutor } from "./onnx-executor.ts";
import { runModel } from "./run-model.ts";

const CHUNK = 250;

/** The integer program's outputs for raw rows, one behind the other. Errors: RAW_INPUT_INVALID, those of the executor. */
export async function runRows(model: LoadedModel, { rows, width, features }: Dataset): Promise<Int32Array> {
  const executor = createOnnxExecutor({ threads: 1, maxBatch: CHUNK });
  const outputs: number[] = [];
  try {
    for (let from = 0; from < rows; from += CHUNK) {
      const part = features.subarray(from * width, Math.min(rows, from + CHUNK) * width);
      const { output } = await runModel(model, prepareInput(model.preprocess, part), executor);
      for (const value of output.data) outputs.push(value);
    }
  } finally {
    await executor.close();
  }
  return Int32Array.from(outputs);
}
