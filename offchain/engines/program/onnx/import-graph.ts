// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, MAX_ELEMENTS } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import type { FloatGraph, FloatOp } from "../compile/float-graph.ts";
import { BLOCK_HANDLERS, matmul, moved, multiple } from "./block-handlers.ts";
import { append, dimsOf, foldable, scaledSource, source, type Draft, type Handler } from "./draft.ts";
import { fusePatterns } from "./fuse-patterns.ts";
import { NodeReader } from "./node-reader.ts";
import type { OnnxModel, OnnxNode } from "./parse-onnx.ts";

const unsupported = (reason: string, advice: string) => new ProgramError("ONNX_UNSUPPORTED_GRAPH", { reason, advice });

function dense(draft: Draft, reader: NodeReader, transposed: boolean, gain: number, beta: number): FloatOp {
  const { value: input, factor } = scaledSource(draft, reader);
  const alpha = gain * factor;
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
  MatMul: (draft, reader) =>
    draft.constants.has(reader.node.inputs[1] ?? "") ? dense(draft, reader, false, 1, 1) : matmul(draft, reader),
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
    if (reader.node.inputs.some((name) => draft.constants.has(name))) return multiple(draft, reader);
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
    if (reader.node.inputs.some((name) => draft.shapes.has(name))) {
      const part = (name: string, index: number) => draft.shapes.get(name) ?? [...reader.constant(index).data];
      return { shape: reader.node.inputs.flatMap(part) };
    }
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
    const { value: input, factor } = scaledSource(draft, reader);
    const from = dimsOf(draft, input);
    const target = draft.shapes.get(reader.node.inputs[1] ?? "") ?? [...reader.constant(1).data];
    const [batch, ...shape] = target;
    if (batch === undefined || (batch !== null && batch !== 0 && batch !== -1 && batch !== 1) || shape.includes(null)) {
      throw reader.refuse("it changes the batch", "Let its first dimension be 0, -1 or 1.");
    }
    const copied = shape.map((dim, i) => (dim === 0 ? (from[i] ?? -2) : (dim ?? -2)));
    const known = elementsOf(copied.filter((dim) => dim !== -1));
    const dims = copied.map((dim) => (dim === -1 ? elementsOf(from) / known : dim));
    if (dims.some((dim) => !Number.isInteger(dim) || dim < 1) || elementsOf(dims) !== elementsOf(from)) {
      throw reader.refuse("its shape does not fit its input");
    }
    return moved(draft, factor, { kind: "reshape", name: reader.node.name, input, dims });
  },
  Transpose: (draft, reader) => {
    const { value: input, factor } = scaledSource(draft, reader);
    const [batch, ...perm] = reader.ints("perm") ?? [];
    if (batch !== 0 || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i + 1)) {
      throw reader.refuse("it moves the batch", "Keep axis 0 first.");
    }
    if (perm.length !== dimsOf(draft, input).length) throw reader.refuse("its perm does not fit its input");
    return moved(draft, factor, {
      kind: "transpose",
      name: reader.node.name,
      input,
      perm: perm.map((axis) => axis - 1),
    });
  },
  ...BLOCK_HANDLERS,
};

function activation(
  draft: Draft,
  reader: NodeReader,
  fn: Extract<FloatOp, { kind: "activation" }>["activation"],
): FloatOp {
  return { kind: "activation", name: reader.node.name, input: source(draft, reader), activation: fn };
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

/** The output to compile: the only one, or the only float tensor (classifiers also return a label). */
function chosenOutput(model: OnnxModel): string {
  const floats = model.outputs.filter(({ elementType }) => elementType === 1);
  const [result] = model.outputs.length === 1 ? model.outputs : floats;
  if (result === undefined || (model.outputs.length > 1 && floats.length !== 1)) {
    throw unsupported(
      `it has ${model.outputs.length} outputs`,
      "Export a model with one output, or one tensor of scores besides the label (zipmap off).",
    );
  }
  return result.name;
}

/** Nodes that the output depends on, in file order. */
function liveNodes(nodes: readonly OnnxNode[], output: string): OnnxNode[] {
  const makers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.outputs) if (name !== "") makers.set(name, [...(makers.get(name) ?? []), node]);
  }
  const live = new Set<OnnxNode>();
  const queue = [output];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const node of makers.get(name) ?? []) {
      if (live.has(node)) continue;
      live.add(node);
      queue.push(...node.inputs);
    }
  }
  return nodes.filter((node) => live.has(node));
}

function useCountsOf(nodes: readonly OnnxNode[], output: string): Map<string, number> {
  const uses = new Map([[output, 1]]);
  for (const { inputs } of nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

function readNode(draft: Draft, node: OnnxNode): void {
  const reader = new NodeReader(node, draft.constants);
  // A classifier's first output is the label, which follows from the scores.
  const name = node.outputs[node.operator === "ai.onnx.ml.TreeEnsembleClassifier" ? 1 : 0] ?? "";
  if (name === "" || draft.values.has(name) || draft.constants.has(name) || draft.shapes.has(name)) {
    throw new ProgramError("ONNX_MALFORMED", { reason: `node ${node.name} makes "${name}" a second time` });
  }
  if (node.operator === "Constant") {
    constantNode(draft, reader);
    return;
  }
  const handler = Object.hasOwn(HANDLERS, node.operator) ? HANDLERS[node.operator] : undefined;
  if (handler === undefined) {
    throw new ProgramError("ONNX_UNSUPPORTED_OPERATOR", { node: node.name, operator: node.operator });
  }
  const made = handler(draft, reader);
  if ("shape" in made) {
    draft.shapes.set(name, made.shape);
    return;
  }
  if ("alias" in made) {
    draft.values.set(name, made.alias);
    if (made.factor !== undefined && made.factor !== 1) draft.factors.set(name, made.factor);
  } else draft.values.set(name, append(draft, made));
}

/**
 * Turns a parsed ONNX graph into the float graph: constants resolved, batch normalisation, constant additions and
 * factors folded into their neighbours, spelled-out layer norms and GELUs recognised. Errors:
 * ONNX_UNSUPPORTED_OPERATOR, ONNX_UNSUPPORTED_USE, ONNX_UNSUPPORTED_GRAPH, ONNX_MALFORMED, ONNX_TOO_LARGE,
 * PROGRAM_INVALID (shapes that do not fit).
 */
export function importGraph(model: OnnxModel): FloatGraph {
  const input = inputDims(model);
  const outputName = chosenOutput(model);
  // Patterns see live nodes only, and what a fused pattern consisted of is dead after it.
  const live = liveNodes(model.nodes, outputName);
  const nodes = liveNodes(fusePatterns(live, model.constants), outputName);
  const draft: Draft = {
    ops: [],
    dims: [input.dims],
    values: new Map([[input.name, 0]]),
    constants: new Map(model.constants),
    uses: useCountsOf(nodes, outputName),
    factors: new Map(),
    shapes: new Map(),
    opset: model.opset,
    binary: null,
  };
  for (const node of nodes) readNode(draft, node);
  const output = draft.values.get(outputName);
  if (output === undefined || output === 0) {
    throw new ProgramError("ONNX_MALFORMED", { reason: `no node makes the output "${outputName}"` });
  }
  if (draft.factors.has(outputName)) {
    throw unsupported("its output is a multiple of another tensor", "Leave the constant factor out.");
  }
  if (draft.binary !== null && draft.ops[output - 1]?.kind !== "forest") {
    throw unsupported("operators follow a classifier of trees", "End the model with the trees.");
  }
  return { inputDims: input.dims, ops: draft.ops, dims: draft.dims, output, outputName, binary: draft.binary };
}
