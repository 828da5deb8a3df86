// SPDX-License-Identifier: GPL-3.0-or-later
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./parse-onnx.ts";

type Constants = ReadonlyMap<string, OnnxTensor>;

/** Answers about a list of nodes: who makes a value, who reads it. */
class Wiring {
  readonly #makers = new Map<string, OnnxNode>();
  readonly #readers = new Map<string, OnnxNode[]>();
  readonly constants: Map<string, OnnxTensor>;

  constructor(nodes: readonly OnnxNode[], constants: Constants) {
    this.constants = new Map(constants);
    for (const node of nodes) {
      for (const name of node.outputs) this.#makers.set(name, node);
      for (const name of new Set(node.inputs)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
      const value = node.attributes.get("value");
      if (node.operator === "Constant" && value?.kind === "tensor")
        this.constants.set(node.outputs[0] ?? "", value.value);
    }
  }

  maker(name: string, operator: string): OnnxNode | undefined {
    const node = this.#makers.get(name);
    return node?.operator === operator ? node : undefined;
  }

  /** The only reader of a value, if it has that operator. */
  reader(name: string, operator: string): OnnxNode | undefined {
    const readers = this.#readers.get(name) ?? [];
    return readers.length === 1 && readers[0]?.operator === operator ? readers[0] : undefined;
  }

  scalar(name: string): number | undefined {
    const constant = this.constants.get(name);
    return constant?.data.length === 1 ? constant.data[0] : undefined;
  }

  /** The other input of a two-input node, or undefined if `name` is not an input. */
  other(node: OnnxNode, name: string): string | undefined {
    const [a = "", b = ""] = node.inputs;
    return a === name ? b : b === name ? a : undefined;
  }

  isClose(name: string | undefined, wanted: number): boolean {
    const value = name === undefined ? undefined : this.scalar(name);
    return value !== undefined && Math.abs(value - wanted) < 1e-4;
  }

  /** True for a mean over the last axis that keeps the dimension, whatever the rank. */
  isLastMean(node: OnnxNode | undefined): node is OnnxNode {
    if (node?.operator !== "ReduceMean") return false;
    const keep = node.attributes.get("keepdims");
    const axes = node.attributes.get("axes");
    const list = axes?.kind === "ints" ? axes.value : [...(this.constants.get(node.inputs[1] ?? "")?.data ?? [])];
    return list.length === 1 && list[0] === -1 && !(keep?.kind === "int" && keep.value === 0);
  }
}

const first = (node: OnnxNode) => node.outputs[0] ?? "";

interface Fusion {
  readonly node: OnnxNode;
  /** The node whose place the fused one takes: the last of the pattern. */
  readonly last: OnnxNode;
}

const fused = (
  operator: string,
  last: OnnxNode,
  inputs: readonly string[],
  attributes: [string, OnnxAttribute][],
): Fusion => ({
  last,
  node: { name: last.name, operator, inputs, outputs: last.outputs, attributes: new Map(attributes) },
});

/** (x − mean) / sqrt(mean((x − mean)²) + ε)·γ + β, from its square root. */
function layerNorm(w: Wiring, root: OnnxNode): Fusion | undefined {
  const sum = w.maker(root.inputs[0] ?? "", "Add");
  const epsilonAt = sum?.inputs.findIndex((name) => w.scalar(name) !== undefined) ?? -1;
  const variance = w.maker(sum?.inputs[1 - epsilonAt] ?? "", "ReduceMean");
  if (sum === undefined || epsilonAt === -1 || !w.isLastMean(variance)) return undefined;
  const squared = variance.inputs[0] ?? "";
  const power = w.maker(squared, "Pow");
  const product = w.maker(squared, "Mul");
  const square = power !== undefined && w.isClose(power.inputs[1], 2) ? power : product;
  const centred = square?.inputs[0] ?? "";
  if (square === undefined || (square === product && square.inputs[1] !== centred)) return undefined;
  const difference = w.maker(centred, "Sub");
  const [x = "", mean = ""] = difference?.inputs ?? [];
  const meanNode = w.maker(mean, "ReduceMean");
  if (difference === undefined || !w.isLastMean(meanNode) || meanNode.inputs[0] !== x) return undefined;
  const division = w.reader(first(root), "Div");
  if (division?.inputs[0] !== centred) return undefined;
  const scaled = w.reader(first(division), "Mul");
  const weights = scaled === undefined ? undefined : w.other(scaled, first(division));
  if (scaled === undefined || weights === undefined || !w.constants.has(weights)) return undefined;
  const shifted = w.reader(first(scaled), "Add");
  const bias = shifted === undefined ? undefined : w.other(shifted, first(scaled));
  const epsilon: [string, OnnxAttribute] = [
    "epsilon",
    { kind: "float", value: w.scalar(sum.inputs[epsilonAt] ?? "") ?? 0 },
  ];
  return shifted !== undefined && bias !== undefined && w.constants.has(bias)
    ? fused("LayerNormalization", shifted, [x, weights, bias], [epsilon])
    : fused("LayerNormalization", scaled, [x, weights], [epsilon]);
}

/** x·(1 + erf(x/√2))/2 in either order of the factors, from its error function. */
function gelu(w: Wiring, erf: OnnxNode): Fusion | undefined {
  const inner = erf.inputs[0] ?? "";
  const divided = w.maker(inner, "Div");
  const multiplied = w.maker(inner, "Mul");
  const x =
    divided !== undefined && w.isClose(divided.inputs[1], Math.SQRT2)
      ? divided.inputs[0]
      : multiplied?.inputs.find((name) => w.isClose(w.other(multiplied, name), Math.SQRT1_2));
  const plus = w.reader(first(erf), "Add");
  const product = plus === undefined ? undefined : w.reader(first(plus), "Mul");
  if (x === undefined || plus === undefined || product === undefined) return undefined;
  if (!w.isClose(w.other(plus, first(erf)), 1)) return undefined;
  const factor = w.other(product, first(plus)) ?? "";
  if (factor === x) {
    const half = w.reader(first(product), "Mul");
    const isHalf = half !== undefined && w.isClose(w.other(half, first(product)), 0.5);
    return isHalf ? fused("Gelu", half, [x], []) : undefined;
  }
  const halved = w.maker(factor, "Mul");
  const isHalf = halved !== undefined && w.isClose(w.other(halved, x), 0.5);
  return isHalf ? fused("Gelu", product, [x], []) : undefined;
}

/**
 * Finds layer norms and GELUs that an exporter spelled out and puts one node in the place of each. The steps they
 * consisted of are then read by nobody, unless something else needs them; a pattern that does not fit stays as it is.
 */
export function fusePatterns(nodes: readonly OnnxNode[], constants: Constants): OnnxNode[] {
  const w = new Wiring(nodes, constants);
  const replaced = new Map<OnnxNode, OnnxNode>();
  for (const node of nodes) {
    const found = node.operator === "Sqrt" ? layerNorm(w, node) : node.operator === "Erf" ? gelu(w, node) : undefined;
    if (found !== undefined) replaced.set(found.last, found.node);
  }
  if (replaced.size === 0) return [...nodes];
  return nodes.map((node) => replaced.get(node) ?? node);
}
