// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, windowDims, MAX_ELEMENTS, MAX_OPS } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import type { FloatGraph, FloatOp } from "../compile/float-graph.ts";
import { NodeReader } from "./node-reader.ts";
import type { OnnxModel, OnnxTensor } from "./parse-onnx.ts";

const unsupported = (reason: string, advice: string) => new ProgramError("ONNX_UNSUPPORTED_GRAPH", { reason, advice });

/** State while nodes are read in order. */
interface Draft {
  readonly ops: FloatOp[];
  readonly dims: (readonly number[])[];
  readonly values: Map<string, number>;
  readonly constants: Map<string, OnnxTensor>;
  /** How often each ONNX name is read, graph outputs included. */
  readonly uses: ReadonlyMap<string, number>;
}

type Handler = (draft: Draft, reader: NodeReader) => FloatOp | { readonly alias: number };

const source = (draft: Draft, reader: NodeReader, index = 0): number => {
  const name = reader.node.inputs[index] ?? "";
  const value = draft.values.get(name);
  if (value !== undefined) return value;
  if (draft.constants.has(name)) throw reader.refuse(`input ${index} is a constant`, "Fold constants before export.");
  throw new ProgramError("ONNX_MALFORMED", {
    reason: `node ${reader.node.name} reads "${name}", which no earlier node makes (a cycle, or nodes out of order)`,
  });
};
const dimsOf = (draft: Draft, value: number): readonly number[] => draft.dims[value] ?? [];

/** The dense or convolution operator that makes `value`, if nothing else reads it: what follows can be folded into it. */
function foldable(draft: Draft, reader: NodeReader, index: number) {
  const value = source(draft, reader, index);
  const op = draft.ops[value - 1];
  const single = draft.uses.get(reader.node.inputs[index] ?? "") === 1;
  return single && (op?.kind === "dense" || op?.kind === "conv") ? { value, op } : undefined;
}

function dense(draft: Draft, reader: NodeReader, transposed: boolean, alpha: number, beta: number): FloatOp {
  const input = source(draft, reader);
  const { dims, data } = reader.constant(1);
  const [rows = 0, columns = 0] = dims;
  if (dims.length !== 2) throw reader.refuse("its weights are not a matrix");
  const [outputs, width] = transposed ? [rows, columns] : [columns, rows];
  if (dimsOf(draft, input).at(-1) !== width) throw reader.refuse("its weights do not fit its input");
  const weights = Float64Array.from({ length: outputs * width }, (_, i) => {
    const [o, k] = [Math.floor(i / width), i % width];
    return alpha * (data[transposed ? o * width + k : k * outputs + o] ?? 0);
  });
  const offset = reader.node.operator === "Gemm" ? reader.optionalConstant(2) : undefined;
  const bias = new Float64Array(outputs);
  if (offset !== undefined) {
    if (offset.data.length !== 1 && (offset.data.length !== outputs || offset.dims.at(-1) !== outputs)) {
      throw reader.refuse("its bias does not fit");
    }
    for (let o = 0; o < outputs; o++) bias[o] = beta * (offset.data[offset.data.length === 1 ? 0 : o] ?? 0);
  }
  return { kind: "dense", name: reader.node.name, input, outputs, weights, bias };
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  Gemm: (draft, reader) => {
    if (reader.int("transA", 0) !== 0) throw reader.refuse("transA is set", "Transpose the input elsewhere.");
    return dense(draft, reader, reader.int("transB", 0) !== 0, reader.float("alpha", 1), reader.float("beta", 1));
  },
  MatMul: (draft, reader) => dense(draft, reader, false, 1, 1),
  Conv: (draft, reader) => {
    const input = source(draft, reader);
    const { dims, data } = reader.constant(1);
    if (dims.length !== 4) throw reader.refuse("its weights are not [outputs, channels, height, width]");
    if (reader.int("group", 1) !== 1) throw reader.refuse("it has groups", "Use group = 1.");
    const window = reader.window(dims.slice(2));
    const [outputs = 0, channels, height, width] = dims;
    const fits = height === window.kernel[0] && width === window.kernel[1] && channels === dimsOf(draft, input)[0];
    if (!fits) throw reader.refuse("its weights do not fit its input");
    const bias = reader.optionalConstant(2)?.data ?? new Float64Array(outputs);
    if (bias.length !== outputs) throw reader.refuse("its bias does not fit");
    return { kind: "conv", name: reader.node.name, input, outputs, ...window, weights: data, bias };
  },
  BatchNormalization: (draft, reader) => {
    const target = foldable(draft, reader, 0);
    if (target === undefined) {
      throw reader.refuse(
        "it does not directly follow a Conv, Gemm or MatMul",
        "Put it right after a linear operator.",
      );
    }
    const { op, value } = target;
    const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => reader.constant(index).data);
    if (gamma?.length !== op.outputs || beta?.length !== op.outputs) throw reader.refuse("its parameters do not fit");
    if (mean?.length !== op.outputs || variance?.length !== op.outputs)
      throw reader.refuse("its parameters do not fit");
    const epsilon = reader.float("epsilon", 1e-5);
    const factor = gamma.map((g, o) => g / Math.sqrt((variance[o] ?? 0) + epsilon));
    if (factor.some((f) => !Number.isFinite(f))) throw reader.refuse("its variance is negative");
    const taps = op.weights.length / op.outputs;
    const weights = op.weights.map((w, i) => w * (factor[Math.floor(i / taps)] ?? 0));
    const bias = op.bias.map((b, o) => (b - (mean[o] ?? 0)) * (factor[o] ?? 0) + (beta[o] ?? 0));
    draft.ops[value - 1] = { ...op, weights, bias };
    return { alias: value };
  },
  Relu: (draft, reader) => activation(draft, reader, { type: "relu" }),
  Sigmoid: (draft, reader) => activation(draft, reader, { type: "sigmoid" }),
  Tanh: (draft, reader) => activation(draft, reader, { type: "tanh" }),
  Clip: (draft, reader) => {
    const [lo, hi] = [reader.scalar(1), reader.scalar(2)];
    if (lo === undefined || hi === undefined || lo >= hi || lo > 0 || hi <= 0) {
      throw reader.refuse("its limits are not two numbers around zero", "Give constant limits min <= 0 < max.");
    }
    return activation(draft, reader, { type: "clip", lo, hi });
  },
  Add: (draft, reader) => {
    const constantAt = reader.node.inputs.findIndex((name) => draft.constants.has(name));
    if (constantAt === -1) {
      const inputs = [source(draft, reader, 0), source(draft, reader, 1)] as const;
      if (dimsOf(draft, inputs[0]).join() !== dimsOf(draft, inputs[1]).join()) throw reader.refuse("it broadcasts");
      return { kind: "add", name: reader.node.name, inputs };
    }
    const target = foldable(draft, reader, 1 - constantAt);
    if (target === undefined) throw reader.refuse("it adds a constant to something that is not a linear operator");
    const { op, value } = target;
    const { data, dims } = reader.constant(constantAt);
    const last = op.kind === "dense" ? dims.at(-1) : dims.at(-3);
    if (data.length !== 1 && (data.length !== op.outputs || last !== op.outputs)) {
      throw reader.refuse("its constant is not one number per channel");
    }
    draft.ops[value - 1] = { ...op, bias: op.bias.map((b, o) => b + (data[data.length === 1 ? 0 : o] ?? 0)) };
    return { alias: value };
  },
  Mul: (draft, reader) => {
    if (reader.node.inputs[0] !== reader.node.inputs[1]) {
      throw reader.refuse("it multiplies two different tensors", "Only x·x, a square, has an integer form.");
    }
    return { kind: "square", name: reader.node.name, input: source(draft, reader) };
  },
  Pow: (draft, reader) => {
    if (reader.scalar(1) !== 2) throw reader.refuse("its exponent is not 2", "Only squares have an integer form.");
    return { kind: "square", name: reader.node.name, input: source(draft, reader) };
  },
  Concat: (draft, reader) => {
    const inputs = reader.node.inputs.map((_, index) => source(draft, reader, index));
    const rank = dimsOf(draft, inputs[0] ?? 0).length;
    const axis = reader.int("axis", 0);
    const positive = axis < 0 ? axis + rank + 1 : axis;
    if (positive < 1 || positive > rank) throw reader.refuse("it joins along the batch", "Use an axis from 1 on.");
    return { kind: "concat", name: reader.node.name, inputs, axis: positive - 1 };
  },
  AveragePool: (draft, reader) => {
    const window = reader.window();
    if (window.pads.some((pad) => pad > 0) && reader.int("count_include_pad", 0) === 0) {
      throw reader.refuse("it leaves padding out of the mean", "Use no padding, or count_include_pad = 1.");
    }
    return { kind: "averagePool", name: reader.node.name, input: source(draft, reader), ...window };
  },
  GlobalAveragePool: (draft, reader) => {
    const input = source(draft, reader);
    const [, height = 0, width = 0] = dimsOf(draft, input);
    const pads = [0, 0, 0, 0] as const;
    return { kind: "averagePool", name: reader.node.name, input, kernel: [height, width], strides: [1, 1], pads };
  },
  MaxPool: (draft, reader) => {
    if (reader.node.outputs.length > 1) throw reader.refuse("it returns indices", "Use the values only.");
    return { kind: "maxPool", name: reader.node.name, input: source(draft, reader), ...reader.window() };
  },
  Flatten: (draft, reader) => {
    const input = source(draft, reader);
    if (reader.int("axis", 1) !== 1) throw reader.refuse("its axis is not 1", "Flatten everything but the batch.");
    return { kind: "reshape", name: reader.node.name, input, dims: [elementsOf(dimsOf(draft, input))] };
  },
  Reshape: (draft, reader) => {
    const input = source(draft, reader);
    const from = dimsOf(draft, input);
    const [batch, ...shape] = [...reader.constant(1).data];
    if (batch === undefined || (batch !== 0 && batch !== -1 && batch !== 1)) {
      throw reader.refuse("it changes the batch", "Let its first dimension be 0, -1 or 1.");
    }
    const copied = shape.map((dim, i) => (dim === 0 ? (from[i] ?? -2) : dim));
    const known = elementsOf(copied.filter((dim) => dim !== -1));
    const dims = copied.map((dim) => (dim === -1 ? elementsOf(from) / known : dim));
    if (dims.some((dim) => !Number.isInteger(dim) || dim < 1) || elementsOf(dims) !== elementsOf(from)) {
      throw reader.refuse("its shape does not fit its input");
    }
    return { kind: "reshape", name: reader.node.name, input, dims };
  },
  Transpose: (draft, reader) => {
    const input = source(draft, reader);
    const [batch, ...perm] = reader.ints("perm") ?? [];
    if (batch !== 0 || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i + 1)) {
      throw reader.refuse("it moves the batch", "Keep axis 0 first.");
    }
    if (perm.length !== dimsOf(draft, input).length) throw reader.refuse("its perm does not fit its input");
    return { kind: "transpose", name: reader.node.name, input, perm: perm.map((axis) => axis - 1) };
  },
};

function activation(
  draft: Draft,
  reader: NodeReader,
  fn: Extract<FloatOp, { kind: "activation" }>["activation"],
): FloatOp {
  return { kind: "activation", name: reader.node.name, input: source(draft, reader), activation: fn };
}

function outputDims(draft: Draft, op: FloatOp): readonly number[] {
  const first = dimsOf(draft, op.kind === "add" || op.kind === "concat" ? (op.inputs[0] ?? 0) : op.input);
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
    case "activation":
    case "add":
    case "square":
      return first;
  }
}

function constantNode(draft: Draft, reader: NodeReader): void {
  const { attributes, outputs } = reader.node;
  const value = attributes.get("value");
  const ints = attributes.get("value_ints") ?? attributes.get("value_int");
  const floats = attributes.get("value_floats") ?? attributes.get("value_float");
  const list = (v: number | readonly number[]) => (typeof v === "number" ? [v] : [...v]);
  const shape = (v: number | readonly number[]) => (typeof v === "number" ? [] : [v.length]);
  const name = outputs[0] ?? "";
  if (value?.kind === "tensor") draft.constants.set(name, value.value);
  else if (ints?.kind === "ints" || ints?.kind === "int") {
    draft.constants.set(name, { type: "int", dims: shape(ints.value), data: Float64Array.from(list(ints.value)) });
  } else if (floats?.kind === "floats" || floats?.kind === "float") {
    draft.constants.set(name, {
      type: "float",
      dims: shape(floats.value),
      data: Float64Array.from(list(floats.value)),
    });
  } else throw reader.refuse("its value is missing, sparse or a text");
}

function inputDims(model: OnnxModel): { name: string; dims: number[] } {
  // Old exporters list weights among the inputs.
  const inputs = model.inputs.filter(({ name }) => !model.constants.has(name));
  const [input] = inputs;
  if (inputs.length !== 1 || input === undefined) {
    throw unsupported(`it has ${inputs.length} inputs`, "Export a model with one input.");
  }
  if (input.elementType !== 1) throw unsupported("its input is not float32", "Export the float32 model.");
  const dims = input.dims.slice(1).map((dim) => {
    if (dim === null || dim < 1) {
      throw unsupported(`input ${input.name} has a dynamic dimension`, "Fix every dimension but the first, the batch.");
    }
    return dim;
  });
  if (dims.length === 0) throw unsupported("its input has no dimension besides the batch", "Give it a shape.");
  if (elementsOf(dims) > MAX_ELEMENTS) throw unsupported("its input is too large", "Use a smaller input.");
  return { name: input.name, dims };
}

/**
 * Turns a parsed ONNX graph into the float graph: constants resolved, batch normalisation and constant additions folded
 * into the linear operator before them. Errors: ONNX_UNSUPPORTED_OPERATOR, ONNX_UNSUPPORTED_USE,
 * ONNX_UNSUPPORTED_GRAPH, ONNX_MALFORMED, PROGRAM_INVALID (shapes that do not fit).
 */
export function importGraph(model: OnnxModel): FloatGraph {
  const input = inputDims(model);
  const uses = new Map<string, number>();
  const use = (name: string) => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const node of model.nodes) for (const name of node.inputs) use(name);
  for (const { name } of model.outputs) use(name);
  const draft: Draft = {
    ops: [],
    dims: [input.dims],
    values: new Map([[input.name, 0]]),
    constants: new Map(model.constants),
    uses,
  };
  for (const node of model.nodes) {
    const reader = new NodeReader(node, draft.constants);
    const name = node.outputs[0] ?? "";
    if (name === "" || draft.values.has(name) || draft.constants.has(name)) {
      throw new ProgramError("ONNX_MALFORMED", { reason: `node ${node.name} makes "${name}" a second time` });
    }
    if (node.operator === "Constant") {
      constantNode(draft, reader);
      continue;
    }
    const handler = Object.hasOwn(HANDLERS, node.operator) ? HANDLERS[node.operator] : undefined;
    if (handler === undefined) {
      throw new ProgramError("ONNX_UNSUPPORTED_OPERATOR", { node: node.name, operator: node.operator });
    }
    const made = handler(draft, reader);
    if ("alias" in made) {
      draft.values.set(name, made.alias);
      continue;
    }
    if (draft.ops.length >= MAX_OPS)
      throw new ProgramError("ONNX_TOO_LARGE", { what: "operators", actual: MAX_OPS + 1, limit: MAX_OPS });
    const dims = outputDims(draft, made);
    if (elementsOf(dims) > MAX_ELEMENTS) {
      throw new ProgramError("ONNX_TOO_LARGE", {
        what: "elements in a tensor",
        actual: elementsOf(dims),
        limit: MAX_ELEMENTS,
      });
    }
    draft.dims.push(dims);
    draft.ops.push(made);
    draft.values.set(name, draft.ops.length);
  }
  const [result] = model.outputs;
  if (model.outputs.length !== 1 || result === undefined) {
    throw unsupported(`it has ${model.outputs.length} outputs`, "Export a model with one output.");
  }
  const output = draft.values.get(result.name);
  if (output === undefined || output === 0) {
    throw new ProgramError("ONNX_MALFORMED", { reason: `no node makes the output "${result.name}"` });
  }
  return { inputDims: input.dims, ops: draft.ops, dims: draft.dims, output };
}
