// SPDX-License-Identifier: GPL-3.0-or-later
import { OnnxWriter } from "../../offchain/engines/program/onnx/write-onnx.ts";
import type { WeightTensor } from "./safetensors.ts";

export const SHAPE = { tokens: 16, width: 384, heads: 12, layers: 6 } as const;
const EPSILON = 1e-12;

export interface Head {
  /** classes · width */
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

export interface EncoderGraph {
  readonly onnx: Uint8Array;
  /** Node after which layer i's attention, and layer i, are finished: only one tensor crosses there. */
  readonly afterAttention: readonly string[];
  readonly afterLayer: readonly string[];
}

/**
 * The encoder as a graph of plain operators, layer norms and GELU spelled out as exporters do: sums of a word's and a place's row go in,
 * the classes of `head` come out, from the mean over all places.
 */
export function writeEncoder(weights: (name: string) => WeightTensor, head: Head): EncoderGraph {
  const { tokens, width, heads, layers } = SHAPE;
  const writer = new OnnxWriter();
  const scalar = (value: number) => writer.constant("float", [], [value]);
  const shape = (...dims: number[]) => writer.constant("int64", [dims.length], dims);
  const turned = ({ dims: [rows = 0, columns = 0], data }: WeightTensor) =>
    Float32Array.from({ length: data.length }, (_, e) => data[(e % rows) * columns + Math.floor(e / rows)] ?? 0);

  const dense = (name: string, x: string) => {
    const w = weights(`${name}.weight`);
    const [outputs = 0, inputs = 0] = w.dims;
    const product = writer.node("MatMul", [x, writer.constant("float", [inputs, outputs], turned(w))]);
    return writer.node("Add", [product, writer.constant("float", [outputs], weights(`${name}.bias`).data)]);
  };
  const norm = (name: string, x: string) => {
    const mean = (value: string) => writer.node("ReduceMean", [value], { axes: [-1], keepdims: 1 });
    const centred = writer.node("Sub", [x, mean(x)]);
    const variance = mean(writer.node("Mul", [centred, centred]));
    const root = writer.node("Sqrt", [writer.node("Add", [variance, scalar(EPSILON)])]);
    const [scale, shift] = ["weight", "bias"].map((part) => writer.constant("float", [width], weights(`${name}.${part}`).data));
    const scaled = writer.node("Mul", [writer.node("Div", [centred, root]), scale ?? ""]);
    return writer.node("Add", [scaled, shift ?? ""]);
  };
  const split = (x: string) =>
    writer.node("Transpose", [writer.node("Reshape", [x, shape(0, tokens, heads, width / heads)])], { perm: [0, 2, 1, 3] });
  const gelu = (x: string) => {
    const erf = writer.node("Erf", [writer.node("Div", [x, scalar(Math.SQRT2)])]);
    return writer.node("Mul", [writer.node("Mul", [x, writer.node("Add", [erf, scalar(1)])]), scalar(0.5)]);
  };

  let x = norm("embeddings.LayerNorm", writer.input("input", "float", [tokens, width]));
  const [afterAttention, afterLayer]: [string[], string[]] = [[], []];
  for (let i = 0; i < layers; i++) {
    const at = `encoder.layer.${i}`;
    const [query = "", key = "", value = ""] = ["query", "key", "value"].map((part) => split(dense(`${at}.attention.self.${part}`, x)));
    const scores = writer.node("MatMul", [query, writer.node("Transpose", [key], { perm: [0, 1, 3, 2] })]);
    const scaled = writer.node("Div", [scores, scalar(Math.sqrt(width / heads))]);
    const mixed = writer.node("MatMul", [writer.node("Softmax", [scaled], { axis: 3 }), value]);
    const joined = writer.node("Reshape", [writer.node("Transpose", [mixed], { perm: [0, 2, 1, 3] }), shape(0, tokens, width)]);
    x = norm(`${at}.attention.output.LayerNorm`, writer.node("Add", [x, dense(`${at}.attention.output.dense`, joined)]));
    afterAttention.push(x);
    const hidden = gelu(dense(`${at}.intermediate.dense`, x));
    x = norm(`${at}.output.LayerNorm`, writer.node("Add", [x, dense(`${at}.output.dense`, hidden)]));
    afterLayer.push(x);
  }
  x = writer.node("ReduceMean", [x], { axes: [1], keepdims: 0 });
  const classes = head.bias.length;
  const w = turned({ dims: [classes, width], data: Float32Array.from(head.weights) });
  const product = writer.node("MatMul", [x, writer.constant("float", [width, classes], w)]);
  x = writer.node("Add", [product, writer.constant("float", [classes], head.bias)]);
  writer.output(x, "float", [classes]);
  return { onnx: writer.finish(), afterAttention, afterLayer };
}
