// SPDX-License-Identifier: GPL-3.0-or-later
import { ProgramError } from "../../../../core/program/errors.ts";
import type { OnnxAttribute, OnnxNode } from "../../onnx/parse-onnx.ts";

/** A tensor during a reference run, batch included. Floats are f32 numbers held in doubles. */
export interface Value {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/**
 * In which order a dot product adds up. `forward`: one accumulator. `lanes8`: eight, as 256-bit vectors without fused
 * multiply-add. `fma16`: sixteen with it, as 512-bit vectors. `double`: rounded once, at the end.
 */
export type SumOrder = "forward" | "lanes8" | "fma16" | "double";
export const SUM_ORDERS: readonly SumOrder[] = ["forward", "lanes8", "fma16", "double"];

/** What an operator sees of its run. */
export interface OpContext {
  readonly node: OnnxNode;
  readonly order: SumOrder;
  /** Input by place. Error: FLOAT_MODEL_INVALID if it is absent. */
  readonly input: (index: number) => Value;
  readonly optional: (index: number) => Value | undefined;
  readonly countMacs: (macs: number) => void;
}

export type OpHandler = (context: OpContext) => Value | readonly Value[];

export const refuse = (node: OnnxNode, reason: string) =>
  new ProgramError("FLOAT_MODEL_INVALID", { reason: `node ${node.name} (${node.operator}): ${reason}` });

export const countOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

function attribute(node: OnnxNode, name: string, kind: OnnxAttribute["kind"]): OnnxAttribute["value"] | undefined {
  const found = node.attributes.get(name);
  if (found === undefined) return undefined;
  if (found.kind !== kind) throw refuse(node, `attribute ${name} is no ${kind}`);
  return found.value;
}

export const intOf = (node: OnnxNode, name: string, otherwise: number): number =>
  (attribute(node, name, "int") as number | undefined) ?? otherwise;
export const floatOf = (node: OnnxNode, name: string, otherwise: number): number =>
  (attribute(node, name, "float") as number | undefined) ?? otherwise;
export const intsOf = (node: OnnxNode, name: string): readonly number[] | undefined =>
  attribute(node, name, "ints") as readonly number[] | undefined;

export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** a[aAt + i·aStep] · b[bAt + i·bStep], i below k, from `start` on, rounded as f32 in the given order. */
export function dot(
  order: SumOrder,
  a: Float64Array,
  aAt: number,
  aStep: number,
  b: Float64Array,
  bAt: number,
  bStep: number,
  k: number,
): number {
  const { fround } = Math;
  const get = (i: number) => (a[aAt + i * aStep] ?? 0) * (b[bAt + i * bStep] ?? 0);
  if (order === "double") {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += get(i);
    return fround(sum);
  }
  if (order === "forward") {
    let sum = 0;
    for (let i = 0; i < k; i++) sum = fround(sum + fround(get(i)));
    return sum;
  }
  const width = order === "lanes8" ? 8 : 16;
  const lanes = new Float64Array(width);
  // Products of two f32 are exact in a double, so rounding their sum once is a fused multiply-add.
  const fused = order === "fma16";
  for (let i = 0; i < k; i++) {
    const lane = i % width;
    lanes[lane] = fround((lanes[lane] ?? 0) + (fused ? get(i) : fround(get(i))));
  }
  for (let half = width / 2; half >= 1; half /= 2)
    for (let lane = 0; lane < half; lane++) lanes[lane] = fround((lanes[lane] ?? 0) + (lanes[lane + half] ?? 0));
  return lanes[0] ?? 0;
}
