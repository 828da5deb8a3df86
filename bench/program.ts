// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";
import { prepareInput, standardise } from "../offchain/core/program/preprocess.ts";
import type { Tensor } from "../offchain/core/tensor.ts";
import { simplifyGraph } from "../offchain/engines/program/compile/simplify.ts";
import type { FloatGraph } from "../offchain/engines/program/compile/float-graph.ts";
import { takeRows } from "../offchain/engines/program/dataset.ts";
import type { LoadedStage, ProgramExecutor } from "../offchain/engines/program/executor.ts";
import { readDataset, readRecipe } from "../offchain/engines/program/import-folder.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { loadStage } from "../offchain/engines/program/executor.ts";
import { createOnnxExecutor, createSession } from "../offchain/engines/program/onnx-executor.ts";
import { importGraph } from "../offchain/engines/program/onnx/import-graph.ts";
import { parseOnnx } from "../offchain/engines/program/onnx/parse-onnx.ts";
import { OnnxWriter } from "../offchain/engines/program/onnx/write-onnx.ts";
import { createReferenceExecutor } from "../offchain/engines/program/reference-executor.ts";

interface Row {
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: string;
  readonly ratio?: number;
}

/** One competitor: `run` is a whole inference, from a prepared tensor to the result tensor. */
interface Contender {
  readonly metric: string;
  readonly run: () => Promise<unknown>;
  readonly samples: number[];
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The float model with average pools merged into convolutions, as our compiler does: what is left is integers' own cost. */
function foldedFloat(graph: FloatGraph): Uint8Array | null {
  const writer = new OnnxWriter();
  const values = [writer.input("input", "float", graph.inputDims)];
  for (const op of graph.ops) {
    if ("inputs" in op) return null;
    const input = values[op.input] ?? "";
    if (op.kind === "dense") {
      const weights = writer.constant("float", [op.outputs, op.weights.length / op.outputs], op.weights);
      values.push(
        writer.node("Gemm", [input, weights, writer.constant("float", [op.outputs], op.bias)], { transB: 1 }),
      );
    } else if (op.kind === "conv") {
      const channels = op.weights.length / op.outputs / op.kernel[0] / op.kernel[1];
      const weights = writer.constant("float", [op.outputs, channels, ...op.kernel], op.weights);
      const { kernel, strides, pads } = op;
      const constants = [weights, writer.constant("float", [op.outputs], op.bias)];
      values.push(writer.node("Conv", [input, ...constants], { kernel_shape: kernel, strides, pads }));
    } else if (op.kind === "activation")
      values.push(writer.node(op.activation.type === "relu" ? "Relu" : "Sigmoid", [input]));
    else if (op.kind === "reshape") {
      values.push(writer.node("Reshape", [input, writer.constant("int64", [op.dims.length + 1], [-1, ...op.dims])]));
    } else return null;
  }
  const output = values[graph.output] ?? "";
  writer.output(output, "float", graph.dims[graph.output] ?? []);
  return writer.finish();
}

/** A float run copies its numbers in and out as ours does, so that only the arithmetic differs. */
function floatRun(session: ort.InferenceSession, reals: Float64Array, dims: readonly number[]): () => Promise<unknown> {
  const [input = ""] = session.inputNames;
  const [output = ""] = session.outputNames;
  return async () => {
    const results = await session.run({ [input]: new ort.Tensor("float32", new Float32Array(reals), dims) });
    return new Float32Array(results[output]?.data as Float32Array);
  };
}

const integerRun = (executor: ProgramExecutor, stage: LoadedStage, input: Tensor) => () => executor.run(stage, [input]);

/** Interleaved: every contender runs once a round, so that a slow moment of the machine hits all of them. */
async function race(contenders: readonly Contender[], budgetMs: number): Promise<void> {
  for (const { run } of contenders) for (let i = 0; i < 5; i++) await run();
  const end = performance.now() + budgetMs;
  for (let round = 0; round < 2000 && (performance.now() < end || round < 15); round++) {
    for (const contender of contenders) {
      const start = performance.now();
      await contender.run();
      contender.samples.push(performance.now() - start);
    }
  }
}

async function benchModel(name: string, batch: number, threads: number, report: (row: Row) => void): Promise<void> {
  const folder = new URL(`../models/${name}`, import.meta.url).pathname;
  const model = await loadModel(folder);
  const [loaded] = model.stages;
  if (loaded === undefined) return;
  const recipe = await readRecipe(folder);
  const rows = takeRows(await readDataset(folder, recipe.evaluation), batch);
  const input = prepareInput(model.preprocess, rows.features);
  const onnx = new Uint8Array(await readFile(`${folder}/model.onnx`));
  const float = await createSession(onnx, threads);
  const foldedBytes = foldedFloat(simplifyGraph(importGraph(parseOnnx(onnx))));
  const folded = foldedBytes === null ? null : await createSession(foldedBytes, threads);
  const executor = createOnnxExecutor({ threads });
  const reference = createReferenceExecutor();
  const plain = loadStage(loaded.bytes);
  const reals = standardise(model.preprocess, rows.features);
  const contender = (metric: string, run: () => Promise<unknown>): Contender => ({ metric, run, samples: [] });
  const contenders = [
    contender("float, onnxruntime", floatRun(float, reals, input.dims)),
    ...(folded === null
      ? []
      : [contender("float with pools folded, onnxruntime", floatRun(folded, reals, input.dims))]),
    contender("integer, onnxruntime", integerRun(executor, plain, input)),
    contender("integer with probe, onnxruntime", integerRun(executor, loaded, input)),
    contender("integer, TypeScript reference", integerRun(reference, plain, input)),
  ];
  await race(contenders, batch === 1 ? 1500 : 4000);
  const base = median(contenders[0]?.samples ?? []);
  const label = `${name}, batch ${batch}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  for (const { metric, samples } of contenders) {
    const value = median(samples);
    report({ case: label, metric, value, unit: "ms", baseline: "float, onnxruntime", ratio: value / base });
  }
  await executor.close();
  await float.release();
  await folded?.release();
}

/**
 * The integer executor beside the float model, both on onnxruntime, same process, same threads, interleaved; medians of
 * whole runs from prepared input to result. Target: integer at most 1.6× float for digits-cnn.
 */
export const suite = {
  name: "program",
  async run(report: (row: Row) => void, progress: (text: string) => void): Promise<void> {
    for (const name of ["digits-cnn", "digits-mlp", "tumor-mlp"]) {
      for (const batch of [1, 64]) {
        for (const threads of [1, 2]) {
          progress(`${name}, batch ${batch}, ${threads} threads`);
          await benchModel(name, batch, threads, report);
        }
      }
    }
  },
};
