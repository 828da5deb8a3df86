// SPDX-License-Identifier: GPL-3.0-or-later
import { ProgramError } from "../../../core/program/errors.ts";
import { parseOnnx, type OnnxModel, type OnnxValue } from "../onnx/parse-onnx.ts";
import { LINEAR_OPS } from "./reference/linear-ops.ts";
import { PLAIN_OPS } from "./reference/plain-ops.ts";
import { countOf, SUM_ORDERS, type OpContext, type OpHandler, type SumOrder, type Value } from "./reference/values.ts";

export { SUM_ORDERS, type SumOrder };

/** A float model's ONNX file, checked. */
export interface CheckedGraph {
  readonly onnx: OnnxModel;
  readonly inputName: string;
  /** Without the batch. */
  readonly inputDims: readonly number[];
  readonly outputName: string;
  readonly outputDims: readonly number[];
  /** Multiply-accumulates of one row. */
  readonly macs: number;
  /** Largest value between operators, for one row, in f32. */
  readonly peakBytes: number;
}

const HANDLERS: Readonly<Record<string, OpHandler>> = { ...LINEAR_OPS, ...PLAIN_OPS };
const FLOAT = 1;
const invalid = (reason: string) => new ProgramError("FLOAT_MODEL_INVALID", { reason });

function endOf(values: readonly OnnxValue[], what: string): OnnxValue {
  const [value] = values;
  if (value === undefined || values.length !== 1) throw invalid(`it has ${values.length} ${what}s`);
  if (value.elementType !== FLOAT) throw invalid(`its ${what} is not f32`);
  return value;
}

const fixed = (dims: readonly (number | null)[], what: string): readonly number[] =>
  dims.map((dim) => {
    if (dim === null || dim < 1) throw invalid(`its ${what} has a dimension that is not fixed`);
    return dim;
  });

/** Operators that only move numbers, or take whole ones. */
const MOVES = "Identity Slice Squeeze Unsqueeze Reshape Flatten Transpose Concat Gather Cast Constant".split(" ");
const WHOLE = [6, 7];

/**
 * A whole number of something computed jumps where honest machines differ in the last bit, and a requester could aim at
 * the jump: only inputs themselves may become indices. Error: FLOAT_MODEL_INVALID.
 */
function refuseJumps({ nodes, constants, inputs }: OnnxModel): void {
  const exact = new Set(["", ...constants.keys(), ...inputs.map(({ name }) => name)]);
  for (const node of nodes) {
    const fromInputs = MOVES.includes(node.operator) && node.inputs.every((name) => exact.has(name));
    if (fromInputs) for (const name of node.outputs) exact.add(name);
    const to = node.attributes.get("to");
    if (node.operator === "Cast" && !fromInputs && to?.kind === "int" && WHOLE.includes(to.value))
      throw invalid(`node ${node.name} rounds what was computed to whole numbers, which jumps`);
  }
}

/**
 * Reads and checks a float model: known operators only, so nothing random, no second file, no subgraph; one f32 input,
 * one f32 output; and it runs, on zeros, in the reference. Errors: every ONNX_…, FLOAT_OPERATOR, FLOAT_MODEL_INVALID.
 */
export function checkFloatModel(bytes: Uint8Array): CheckedGraph {
  const onnx = parseOnnx(bytes);
  for (const { name, operator } of onnx.nodes)
    if (operator !== "Constant" && !Object.hasOwn(HANDLERS, operator))
      throw new ProgramError("FLOAT_OPERATOR", { node: name, operator });
  refuseJumps(onnx);
  const input = endOf(
    onnx.inputs.filter(({ name }) => !onnx.constants.has(name)),
    "input",
  );
  const output = endOf(onnx.outputs, "output");
  const [, ...rest] = input.dims;
  const inputDims = fixed(rest, "input");
  if (inputDims.length === 0) throw invalid("its input has no dimension but the batch");
  const graph = { onnx, inputName: input.name, inputDims, outputName: output.name };
  const zero = runFloatReference(graph, new Float32Array(countOf(inputDims)), "double");
  const [batch, ...outputDims] = zero.dims;
  if (batch !== 1 || outputDims.length === 0) throw invalid("its output does not begin with the batch");
  return { ...graph, outputDims, macs: zero.macs, peakBytes: zero.peakBytes };
}

interface FloatResult {
  readonly dims: readonly number[];
  readonly data: Float32Array;
  readonly macs: number;
  readonly peakBytes: number;
}

/**
 * The model in plain TypeScript, f32 operations in a chosen order of summation: a second implementation, and what a
 * machine with other vector units would answer. Slow. Errors: FLOAT_OPERATOR, FLOAT_MODEL_INVALID.
 */
export function runFloatReference(
  graph: Pick<CheckedGraph, "onnx" | "inputName" | "inputDims" | "outputName">,
  rows: Float32Array,
  order: SumOrder,
): FloatResult {
  const { onnx, inputName, inputDims, outputName } = graph;
  const values = new Map<string, Value>();
  for (const [name, { type, dims, data }] of onnx.constants)
    values.set(name, { dims, data: type === "float" ? data.map(Math.fround) : data });
  values.set(inputName, { dims: [rows.length / countOf(inputDims), ...inputDims], data: Float64Array.from(rows) });
  let [macs, peakBytes] = [0, 0];
  for (const node of onnx.nodes) {
    if (node.operator === "Constant") {
      const value = node.attributes.get("value");
      if (value?.kind !== "tensor") throw invalid(`node ${node.name} is no tensor`);
      values.set(node.outputs[0] ?? "", { dims: value.value.dims, data: value.value.data.slice() });
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, node.operator) ? HANDLERS[node.operator] : undefined;
    if (handler === undefined) throw new ProgramError("FLOAT_OPERATOR", { node: node.name, operator: node.operator });
    const optional = (index: number) => values.get(node.inputs[index] ?? "");
    const context: OpContext = {
      node,
      order,
      optional,
      input: (index) => {
        const value = optional(index);
        if (value === undefined) throw invalid(`node ${node.name} reads a value that nothing made`);
        return value;
      },
      countMacs: (count) => {
        macs += count;
      },
    };
    const made = handler(context);
    const results = "data" in made ? [made] : made;
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (name === "" || result === undefined) return;
      values.set(name, result);
      peakBytes = Math.max(peakBytes, 4 * result.data.length);
    });
  }
  const result = values.get(outputName);
  if (result === undefined) throw invalid("nothing makes its output");
  return { dims: result.dims, data: Float32Array.from(result.data), macs, peakBytes };
}
