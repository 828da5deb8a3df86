// SPDX-License-Identifier: GPL-3.0-or-later
import { windowOf } from "./linear-ops.ts";
import {
  axisOf,
  countOf,
  floatOf,
  intOf,
  intsOf,
  refuse,
  type OpContext,
  type OpHandler,
  type Value,
} from "./values.ts";

const { fround } = Math;

const unary =
  (fn: (x: number) => number): OpHandler =>
  (context) => {
    const { dims, data } = context.input(0);
    return { dims, data: data.map((x) => fround(fn(x))) };
  };

/** Element-wise, with ONNX's broadcasting from the right. */
const binary =
  (fn: (x: number, y: number) => number): OpHandler =>
  (context) => {
    const [a, b] = [context.input(0), context.input(1)];
    const rank = Math.max(a.dims.length, b.dims.length);
    const padded = [a, b].map(({ dims }) => [...Array.from({ length: rank - dims.length }, () => 1), ...dims]);
    const dims = Array.from({ length: rank }, (_, axis) => {
      const [x = 1, y = 1] = padded.map((list) => list[axis] ?? 1);
      if (x !== y && x !== 1 && y !== 1) throw refuse(context.node, "its inputs do not fit");
      return Math.max(x, y);
    });
    const steps = padded.map((list) => list.map((dim, axis) => (dim === 1 ? 0 : countOf(list.slice(axis + 1)))));
    const data = new Float64Array(countOf(dims));
    for (let e = 0; e < data.length; e++) {
      let [rest, x, y] = [e, 0, 0];
      for (let axis = rank - 1; axis >= 0; axis--) {
        const index = rest % (dims[axis] ?? 1);
        rest = (rest - index) / (dims[axis] ?? 1);
        x += index * (steps[0]?.[axis] ?? 0);
        y += index * (steps[1]?.[axis] ?? 0);
      }
      data[e] = fround(fn(a.data[x] ?? 0, b.data[y] ?? 0));
    }
    return { dims, data };
  };

function gather(context: OpContext): Value {
  const [source, indices] = [context.input(0), context.input(1)];
  const axis = axisOf(intOf(context.node, "axis", 0), source.dims.length);
  const size = source.dims[axis] ?? 1;
  const inner = countOf(source.dims.slice(axis + 1));
  const outer = countOf(source.dims.slice(0, axis));
  const data = new Float64Array(outer * indices.data.length * inner);
  for (let o = 0; o < outer; o++)
    indices.data.forEach((index, i) => {
      if (index < -size || index >= size) throw refuse(context.node, `index ${index} is outside its ${size} rows`);
      const from = (o * size + (index < 0 ? index + size : index)) * inner;
      data.set(source.data.subarray(from, from + inner), (o * indices.data.length + i) * inner);
    });
  return { dims: [...source.dims.slice(0, axis), ...indices.dims, ...source.dims.slice(axis + 1)], data };
}

function transpose({ node, input }: OpContext): Value {
  const { dims, data } = input(0);
  const perm = intsOf(node, "perm") ?? dims.map((_, i) => dims.length - 1 - i);
  const outDims = perm.map((axis) => dims[axis] ?? 1);
  const steps = perm.map((axis) => countOf(dims.slice(axis + 1)));
  const result = data.map((_, e) => {
    let [rest, from] = [e, 0];
    for (let axis = outDims.length - 1; axis >= 0; axis--) {
      const index = rest % (outDims[axis] ?? 1);
      rest = (rest - index) / (outDims[axis] ?? 1);
      from += index * (steps[axis] ?? 0);
    }
    return data[from] ?? 0;
  });
  return { dims: outDims, data: result };
}

function reshape({ node, input }: OpContext): Value {
  const { dims, data } = input(0);
  const wanted = [...input(1).data].map((dim, axis) => (dim === 0 ? (dims[axis] ?? 1) : dim));
  const known = countOf(wanted.filter((dim) => dim !== -1));
  const result = wanted.map((dim) => (dim === -1 ? data.length / known : dim));
  if (countOf(result) !== data.length) throw refuse(node, "its shape does not fit");
  return { dims: result, data };
}

function slice(context: OpContext): Value {
  const { dims, data } = context.input(0);
  const list = (index: number) => [...context.input(index).data];
  const [starts, ends] = [list(1), list(2)];
  const axes = context.optional(3) === undefined ? starts.map((_, axis) => axis) : list(3);
  if (context.optional(4)?.data.some((step) => step !== 1) === true) throw refuse(context.node, "steps other than 1");
  return axes.reduce<Value>(
    (value, wanted, i) => {
      const axis = axisOf(wanted, value.dims.length);
      const size = value.dims[axis] ?? 1;
      const inside = (place: number) => Math.min(size, Math.max(0, place < 0 ? place + size : place));
      const [from, to] = [inside(starts[i] ?? 0), inside(ends[i] ?? size)];
      const inner = countOf(value.dims.slice(axis + 1));
      const outer = countOf(value.dims.slice(0, axis));
      const kept = Math.max(0, to - from) * inner;
      const result = new Float64Array(outer * kept);
      for (let o = 0; o < outer; o++)
        result.set(value.data.subarray((o * size + from) * inner, (o * size + from) * inner + kept), o * kept);
      return { dims: value.dims.with(axis, Math.max(0, to - from)), data: result };
    },
    { dims, data },
  );
}

/** Rows along one axis: `fn` sees each as a slice and returns its values. */
function alongAxis({ node, input }: OpContext, fn: (row: Float64Array) => Float64Array): Value {
  const { dims, data } = input(0);
  const axis = axisOf(intOf(node, "axis", -1), dims.length);
  if (axis !== dims.length - 1) throw refuse(node, "only the last axis");
  const width = dims[axis] ?? 1;
  const result = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += width) result.set(fn(data.subarray(at, at + width)), at);
  return { dims, data: result };
}

const sum = (values: Float64Array): number => values.reduce((total, value) => fround(total + value), 0);

function layerNorm(context: OpContext): Value {
  const [gain, bias] = [context.input(1), context.optional(2)];
  const epsilon = floatOf(context.node, "epsilon", 1e-5);
  return alongAxis(context, (row) => {
    const mean = fround(sum(row) / row.length);
    const centred = row.map((value) => fround(value - mean));
    const variance = fround(sum(centred.map((value) => fround(value * value))) / row.length);
    const factor = fround(1 / Math.sqrt(fround(variance + epsilon)));
    return centred.map((value, i) =>
      fround(fround(fround(value * factor) * (gain.data[i] ?? 0)) + (bias?.data[i] ?? 0)),
    );
  });
}

function reduceMean(context: OpContext): Value {
  const { dims, data } = context.input(0);
  const axes = (intsOf(context.node, "axes") ?? [...(context.optional(1)?.data ?? [])]).map((a) =>
    axisOf(a, dims.length),
  );
  const [axis = -1] = axes;
  if (axes.length !== 1 || axis < 1) throw refuse(context.node, "only one axis, not the batch");
  const [outer, size, inner] = [countOf(dims.slice(0, axis)), dims[axis] ?? 1, countOf(dims.slice(axis + 1))];
  const result = new Float64Array(outer * inner);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      let total = 0;
      for (let s = 0; s < size; s++) total = fround(total + (data[(o * size + s) * inner + i] ?? 0));
      result[o * inner + i] = fround(total / size);
    }
  const kept = intOf(context.node, "keepdims", 1) !== 0 ? [1] : [];
  return { dims: [...dims.slice(0, axis), ...kept, ...dims.slice(axis + 1)], data: result };
}

const pool =
  (largest: boolean): OpHandler =>
  (context) => {
    const x = context.input(0);
    const [batch = 0, channels = 0, height = 0, width = 0] = x.dims;
    const kernel = intsOf(context.node, "kernel_shape") ?? [height, width];
    const { pads, strides, out } = windowOf(context, x.dims, kernel);
    const [oh = 0, ow = 0] = out;
    const padded = intOf(context.node, "count_include_pad", 0) !== 0;
    const data = new Float64Array(batch * channels * oh * ow);
    for (let plane = 0; plane < batch * channels; plane++)
      for (let y = 0; y < oh; y++)
        for (let z = 0; z < ow; z++) {
          const inside: number[] = [];
          for (let dy = 0; dy < (kernel[0] ?? 1); dy++)
            for (let dz = 0; dz < (kernel[1] ?? 1); dz++) {
              const [row, column] = [
                y * (strides[0] ?? 1) + dy - (pads[0] ?? 0),
                z * (strides[1] ?? 1) + dz - (pads[1] ?? 0),
              ];
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              inside.push(x.data[(plane * height + row) * width + column] ?? 0);
            }
          const count = padded ? (kernel[0] ?? 1) * (kernel[1] ?? 1) : inside.length;
          data[(plane * oh + y) * ow + z] = largest
            ? Math.max(...inside)
            : fround(sum(Float64Array.from(inside)) / count);
        }
    return { dims: [batch, channels, oh, ow], data };
  };

function axesOf(context: OpContext): readonly number[] {
  return intsOf(context.node, "axes") ?? [...context.input(1).data];
}

/** Abramowitz and Stegun 7.1.26 is too coarse for f32: a series below 3, the complement's fraction beyond. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let [term, total] = [a, a];
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total) + 1e-300 && n < 200; n++) {
      term *= (-a * a) / n;
      total += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

export const PLAIN_OPS: Readonly<Record<string, OpHandler>> = {
  Identity: ({ input }) => input(0),
  Relu: unary((x) => Math.max(0, x)),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Tanh: unary(Math.tanh),
  Erf: unary(erf),
  Exp: unary(Math.exp),
  Sqrt: unary(Math.sqrt),
  Neg: unary((x) => -x),
  Add: binary((x, y) => x + y),
  Sub: binary((x, y) => x - y),
  Mul: binary((x, y) => x * y),
  Div: binary((x, y) => x / y),
  Pow: binary((x, y) => x ** y),
  Clip: (context) => {
    const { dims, data } = context.input(0);
    const [lo, hi] = [context.optional(1)?.data[0] ?? -Infinity, context.optional(2)?.data[0] ?? Infinity];
    return { dims, data: data.map((x) => Math.min(hi, Math.max(lo, x))) };
  },
  Cast: (context) => {
    const { dims, data } = context.input(0);
    const to = intOf(context.node, "to", 0);
    if (to === 1) return { dims, data: data.map(fround) };
    if (to !== 6 && to !== 7) throw refuse(context.node, `element type ${to}`);
    return { dims, data: data.map(Math.trunc) };
  },
  Gather: gather,
  Transpose: transpose,
  Reshape: reshape,
  Slice: slice,
  Flatten: ({ node, input }) => {
    const { dims, data } = input(0);
    const axis = axisOf(intOf(node, "axis", 1), dims.length);
    return { dims: [countOf(dims.slice(0, axis)), countOf(dims.slice(axis))], data };
  },
  Squeeze: (context) => {
    const { dims, data } = context.input(0);
    const gone = axesOf(context).map((axis) => axisOf(axis, dims.length));
    return { dims: dims.filter((_, axis) => !gone.includes(axis)), data };
  },
  Unsqueeze: (context) => {
    const { dims, data } = context.input(0);
    const axes = axesOf(context);
    const made = axes.map((axis) => axisOf(axis, dims.length + axes.length)).toSorted((a, b) => a - b);
    return { dims: made.reduce<readonly number[]>((list, axis) => list.toSpliced(axis, 0, 1), dims), data };
  },
  Concat: (context) => {
    const parts = context.node.inputs.map((_, index) => context.input(index));
    const [first] = parts;
    const axis = axisOf(intOf(context.node, "axis", 0), first?.dims.length ?? 1);
    const outer = countOf(first?.dims.slice(0, axis) ?? []);
    const widths = parts.map(({ dims }) => countOf(dims.slice(axis)));
    const total = widths.reduce((a, b) => a + b, 0);
    const data = new Float64Array(outer * total);
    let at = 0;
    parts.forEach((part, p) => {
      const width = widths[p] ?? 0;
      for (let o = 0; o < outer; o++) data.set(part.data.subarray(o * width, (o + 1) * width), o * total + at);
      at += width;
    });
    const dims =
      first?.dims.with(
        axis,
        parts.reduce((size, part) => size + (part.dims[axis] ?? 0), 0),
      ) ?? [];
    return { dims, data };
  },
  Softmax: (context) =>
    alongAxis(context, (row) => {
      const most = row.reduce((best, value) => Math.max(best, value), -Infinity);
      const e = row.map((value) => fround(Math.exp(fround(value - most))));
      const total = sum(e);
      return e.map((value) => fround(value / total));
    }),
  LayerNormalization: layerNorm,
  ReduceMean: reduceMean,
  AveragePool: pool(false),
  GlobalAveragePool: pool(false),
  MaxPool: pool(true),
};
