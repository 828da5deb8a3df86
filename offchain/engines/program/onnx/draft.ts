// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, windowDims, MAX_ELEMENTS, MAX_OPS } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import { floatInputsOf, type FloatGraph, type FloatOp } from "../compile/float-graph.ts";
import type { NodeReader } from "./node-reader.ts";
import type { OnnxTensor } from "./parse-onnx.ts";

/** State while nodes are read in order. */
export interface Draft {
  readonly ops: FloatOp[];
  readonly dims: (readonly number[])[];
  readonly values: Map<string, number>;
  readonly constants: Map<string, OnnxTensor>;
  /** How often each ONNX name is read, graph outputs included. */
  readonly uses: ReadonlyMap<string, number>;
  /** Positive factors that exporters write as nodes of their own; the operator that reads the value takes them over. */
  readonly factors: Map<string, number>;
  /** Values that are shapes; null is the batch. */
  readonly shapes: Map<string, readonly (number | null)[]>;
  readonly opset: number;
  /** Set by a classifier of two classes with one score. */
  binary: FloatGraph["binary"];
}

/** A new operator, another name (`factor` times) for a value, or a shape. */
export type Handled =
  FloatOp | { readonly alias: number; readonly factor?: number } | { readonly shape: readonly (number | null)[] };
export type Handler = (draft: Draft, reader: NodeReader) => Handled;

/** The value of input `index` and the factor it still has to be multiplied by. */
export function scaledSource(draft: Draft, reader: NodeReader, index = 0): { value: number; factor: number } {
  const name = reader.node.inputs[index] ?? "";
  const value = draft.values.get(name);
  if (value !== undefined) return { value, factor: draft.factors.get(name) ?? 1 };
  if (draft.shapes.has(name)) throw reader.refuse(`input ${index} is a shape`, "Compute shapes before export.");
  if (draft.constants.has(name)) throw reader.refuse(`input ${index} is a constant`, "Fold constants before export.");
  throw new ProgramError("ONNX_MALFORMED", {
    reason: `node ${reader.node.name} reads "${name}", which no earlier node makes (a cycle, or nodes out of order)`,
  });
}

export function source(draft: Draft, reader: NodeReader, index = 0): number {
  const { value, factor } = scaledSource(draft, reader, index);
  if (factor === 1) return value;
  throw reader.refuse(
    "its input is a multiple of another tensor",
    "Multiply by constants only before a product of matrices or a Softmax.",
  );
}

export const dimsOf = (draft: Draft, value: number): readonly number[] => draft.dims[value] ?? [];

/** The dense or convolution operator that makes `value`, if nothing else reads it: what follows can be folded into it. */
export function foldable(draft: Draft, reader: NodeReader, index: number) {
  const value = source(draft, reader, index);
  const op = draft.ops[value - 1];
  const single = draft.uses.get(reader.node.inputs[index] ?? "") === 1;
  return single && (op?.kind === "dense" || op?.kind === "conv") ? { value, op } : undefined;
}

/** Appends an operator and returns its value. Errors: ONNX_TOO_LARGE, PROGRAM_INVALID (windows that do not fit). */
export function append(draft: Draft, op: FloatOp): number {
  if (draft.ops.length >= MAX_OPS)
    throw new ProgramError("ONNX_TOO_LARGE", { what: "operators", actual: MAX_OPS + 1, limit: MAX_OPS });
  const dims = outputDims(draft, op);
  if (elementsOf(dims) > MAX_ELEMENTS) {
    const actual = elementsOf(dims);
    throw new ProgramError("ONNX_TOO_LARGE", { what: "elements in a tensor", actual, limit: MAX_ELEMENTS });
  }
  draft.dims.push(dims);
  draft.ops.push(op);
  return draft.ops.length;
}

function outputDims(draft: Draft, op: FloatOp): readonly number[] {
  const first = dimsOf(draft, floatInputsOf(op)[0] ?? 0);
  switch (op.kind) {
    case "dense":
      return [...first.slice(0, -1), op.outputs];
    case "conv":
      return windowDims(op, first, op.name).with(0, op.outputs);
    case "averagePool":
    case "maxPool":
      return windowDims(op, first, op.name);
    case "reshape":
      return op.dims;
    case "transpose":
      return op.perm.map((axis) => first[axis] ?? 0);
    case "concat":
      return first.with(
        op.axis,
        op.inputs.reduce((sum, value) => sum + (dimsOf(draft, value)[op.axis] ?? 0), 0),
      );
    case "matmul": {
      const columns = dimsOf(draft, op.inputs[1]).at(op.transposed ? -2 : -1) ?? 1;
      return [...first.slice(0, -1), columns];
    }
    case "forest":
      return [op.outputs];
    case "argmax":
      return first.length === 1 ? [1] : first.slice(0, -1);
    case "activation":
    case "softmax":
    case "layerNorm":
    case "add":
    case "square":
      return first;
  }
}
