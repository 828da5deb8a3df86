// SPDX-License-Identifier: GPL-3.0-or-later
import type { Tensor } from "../../../core/tensor.ts";
import { createFloatExecutor, floatOutput, type FloatProgram, type FloatSessionOptions } from "./float-executor.ts";
import { runFloatReference, SUM_ORDERS } from "./float-graph.ts";
import { countOf } from "./reference/values.ts";

/** An honest machine: the same model, other arithmetic. */
export interface FloatMachine {
  readonly name: string;
  /** Rows of one call: kernels differ between one row and many. */
  readonly batch: number;
  /** Rows that a calibration asks it for: plain TypeScript and parallel sessions are slow. */
  readonly mostRows: number;
  run(input: Tensor): Promise<Tensor>;
  close(): Promise<void>;
}

/** Thread counts, optimisation levels (operator fusion off and on), execution modes, weight layouts, rows at a time. */
const SETTINGS: readonly (FloatSessionOptions & { readonly batch: number })[] = [
  { threads: 1, optimisation: "all", batch: 1 },
  { threads: 1, optimisation: "disabled", batch: 1 },
  { threads: 1, optimisation: "basic", batch: 1 },
  { threads: 2, optimisation: "extended", batch: 1 },
  { threads: 2, optimisation: "all", parallel: true, batch: 1 },
  { threads: 4, optimisation: "all", batch: 1 },
  { threads: 1, optimisation: "all", prepacked: false, batch: 1 },
  { threads: 3, optimisation: "disabled", parallel: true, prepacked: false, batch: 1 },
  { threads: 1, optimisation: "all", batch: 7 },
  { threads: 2, optimisation: "disabled", batch: 64 },
];

/**
 * The honest machines that a model is calibrated on: onnxruntime in every setting that changes its arithmetic, and the
 * TypeScript reference in the orders of summation of other vector units, which one machine's library cannot show.
 */
export function honestMachines(model: FloatProgram): FloatMachine[] {
  const native = SETTINGS.map(({ batch, ...options }): FloatMachine => {
    const executor = createFloatExecutor(options);
    const rows = batch === 1 ? "" : `, ${batch} rows at a time`;
    return {
      name: `${executor.name}${rows}`,
      batch,
      mostRows: options.parallel === true ? 100 : 2000,
      run: (input) => executor.run(model, input),
      close: () => executor.close(),
    };
  });
  const { graph } = model;
  const plain = SUM_ORDERS.map((order): FloatMachine => {
    const run = (input: Tensor) => {
      const { data } = runFloatReference(graph, Float32Array.from(input.data), order);
      return Promise.resolve(floatOutput(input.data.length / countOf(graph.inputDims), graph.outputDims, data));
    };
    return { name: `reference, ${order}`, batch: 1, mostRows: 60, run, close: () => Promise.resolve() };
  });
  return [...native, ...plain];
}

/** Outputs of a machine over all rows of `input`, row after row. Errors: those of the machine. */
export async function runRows(machine: FloatMachine, input: Tensor): Promise<Float32Array> {
  const [rows = 0, ...dims] = input.dims;
  const width = countOf(dims);
  const parts: Float32Array[] = [];
  for (let from = 0; from < rows; from += machine.batch) {
    const count = Math.min(machine.batch, rows - from);
    const data = Float32Array.from(input.data.subarray(from * width, (from + count) * width));
    const { data: out } = await machine.run({ dtype: "f32", dims: [count, ...dims], data });
    parts.push(Float32Array.from(out));
  }
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (result.set(part, at), at + part.length), 0);
  return result;
}
