// SPDX-License-Identifier: GPL-3.0-or-later
import { countOf, dot, floatOf, intOf, intsOf, refuse, type OpContext, type OpHandler, type Value } from "./values.ts";

const { fround } = Math;
const sigmoid = (x: number): number => fround(1 / (1 + Math.exp(-x)));

function gemm(context: OpContext): Value {
  const { node, order } = context;
  const [a, b, c] = [context.input(0), context.input(1), context.optional(2)];
  const [transA, transB] = [intOf(node, "transA", 0) !== 0, intOf(node, "transB", 0) !== 0];
  const [alpha, beta] = [floatOf(node, "alpha", 1), floatOf(node, "beta", 1)];
  if (a.dims.length !== 2 || b.dims.length !== 2) throw refuse(node, "its inputs are not matrices");
  const [m = 0, k = 0] = transA ? a.dims.toReversed() : a.dims;
  const [inner, n = 0] = transB ? b.dims.toReversed() : b.dims;
  if (inner !== k) throw refuse(node, "its inputs do not fit");
  if (c !== undefined && c.data.length !== n && c.data.length !== 1) throw refuse(node, "its bias is no row");
  const data = new Float64Array(m * n);
  for (let row = 0; row < m; row++)
    for (let column = 0; column < n; column++) {
      const [aAt, aStep] = transA ? [row, m] : [row * k, 1];
      const [bAt, bStep] = transB ? [column * k, 1] : [column, n];
      const product = fround(alpha * dot(order, a.data, aAt, aStep, b.data, bAt, bStep, k));
      const bias = c === undefined ? 0 : fround(beta * (c.data[c.data.length === 1 ? 0 : column] ?? 0));
      data[row * n + column] = fround(product + bias);
    }
  context.countMacs(m * n * k);
  return { dims: [m, n], data };
}

function matmul(context: OpContext): Value {
  const { node, order } = context;
  const [a, b] = [context.input(0), context.input(1)];
  if (a.dims.length < 2 || b.dims.length < 2) throw refuse(node, "its inputs are not matrices");
  const [m = 0, k = 0] = a.dims.slice(-2);
  const [inner, n = 0] = b.dims.slice(-2);
  const shared = b.dims.length === 2;
  if (inner !== k || (!shared && a.dims.slice(0, -2).join() !== b.dims.slice(0, -2).join()))
    throw refuse(node, "its inputs do not fit");
  const count = countOf(a.dims.slice(0, -2));
  const data = new Float64Array(count * m * n);
  for (let i = 0; i < count; i++)
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        const bAt = (shared ? 0 : i * k * n) + column;
        data[(i * m + row) * n + column] = dot(order, a.data, (i * m + row) * k, 1, b.data, bAt, n, k);
      }
  context.countMacs(count * m * n * k);
  return { dims: [...a.dims.slice(0, -1), n], data };
}

/** Output extent of a window and its four paddings: top, left, bottom, right. */
export function windowOf({ node }: OpContext, dims: readonly number[], kernel: readonly number[]) {
  const pads = intsOf(node, "pads") ?? [0, 0, 0, 0];
  const strides = intsOf(node, "strides") ?? [1, 1];
  const dilations = intsOf(node, "dilations") ?? [1, 1];
  if (dims.length !== 4 || kernel.length !== 2) throw refuse(node, "only two-dimensional windows");
  if (dilations.some((dilation) => dilation !== 1)) throw refuse(node, "dilated windows");
  if (node.attributes.has("auto_pad") || intOf(node, "ceil_mode", 0) !== 0) throw refuse(node, "give explicit pads");
  const out = [0, 1].map((axis) => {
    const size = (dims[2 + axis] ?? 0) + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0);
    return Math.floor((size - (kernel[axis] ?? 1)) / (strides[axis] ?? 1)) + 1;
  });
  return { pads, strides, out };
}

function conv(context: OpContext): Value {
  const { node, order } = context;
  const [x, w, bias] = [context.input(0), context.input(1), context.optional(2)];
  const [outputs = 0, taps = 0, kh = 0, kw = 0] = w.dims;
  const [batch = 0, channels = 0, height = 0, width = 0] = x.dims;
  const { pads, strides, out } = windowOf(context, x.dims, [kh, kw]);
  const [oh = 0, ow = 0] = out;
  if (intOf(node, "group", 1) !== 1 || taps !== channels) throw refuse(node, "only one group");
  const size = channels * kh * kw;
  const patch = new Float64Array(size);
  const data = new Float64Array(batch * outputs * oh * ow);
  for (let i = 0; i < batch; i++)
    for (let y = 0; y < oh; y++)
      for (let z = 0; z < ow; z++) {
        let at = 0;
        for (let c = 0; c < channels; c++)
          for (let dy = 0; dy < kh; dy++)
            for (let dz = 0; dz < kw; dz++) {
              const [row, column] = [
                y * (strides[0] ?? 1) + dy - (pads[0] ?? 0),
                z * (strides[1] ?? 1) + dz - (pads[1] ?? 0),
              ];
              const inside = row >= 0 && row < height && column >= 0 && column < width;
              patch[at++] = inside ? (x.data[((i * channels + c) * height + row) * width + column] ?? 0) : 0;
            }
        for (let o = 0; o < outputs; o++) {
          const sum = dot(order, patch, 0, 1, w.data, o * size, 1, size);
          data[((i * outputs + o) * oh + y) * ow + z] = fround(sum + (bias?.data[o] ?? 0));
        }
      }
  context.countMacs(batch * outputs * oh * ow * size);
  return { dims: [batch, outputs, oh, ow], data };
}

/** Forward GRU over [time, batch, width]; gates in ONNX's order: update, reset, hidden. */
function gru(context: OpContext): readonly Value[] {
  const { node, order } = context;
  const [x, w, r, b, initial] = [
    context.input(0),
    context.input(1),
    context.input(2),
    context.optional(3),
    context.optional(5),
  ];
  const [time = 0, batch = 0, width = 0] = x.dims;
  const hidden = intOf(node, "hidden_size", 0);
  const before = intOf(node, "linear_before_reset", 0) !== 0;
  const plain = w.dims.join() === [1, 3 * hidden, width].join() && r.dims.join() === [1, 3 * hidden, hidden].join();
  if (
    !plain ||
    node.attributes.has("direction") ||
    node.attributes.has("activations") ||
    context.optional(4) !== undefined
  )
    throw refuse(node, "only one forward direction with the usual gates");
  const all = new Float64Array(time * batch * hidden);
  const state = initial === undefined ? new Float64Array(batch * hidden) : initial.data.slice();
  const biasOf = (part: number, gate: number, o: number) => b?.data[(part * 3 + gate) * hidden + o] ?? 0;
  const next = new Float64Array(hidden);
  const reset = new Float64Array(hidden);
  const update = new Float64Array(hidden);
  for (let t = 0; t < time; t++)
    for (let row = 0; row < batch; row++) {
      const xAt = (t * batch + row) * width;
      const hAt = row * hidden;
      const fromInput = (gate: number, o: number) =>
        fround(dot(order, x.data, xAt, 1, w.data, (gate * hidden + o) * width, 1, width) + biasOf(0, gate, o));
      const fromState = (gate: number, o: number, h: Float64Array, at: number) =>
        fround(dot(order, h, at, 1, r.data, (gate * hidden + o) * hidden, 1, hidden) + biasOf(1, gate, o));
      for (let o = 0; o < hidden; o++) {
        update[o] = sigmoid(fround(fromInput(0, o) + fromState(0, o, state, hAt)));
        reset[o] = sigmoid(fround(fromInput(1, o) + fromState(1, o, state, hAt)));
      }
      const faded = before ? reset : reset.map((value, o) => fround(value * (state[hAt + o] ?? 0)));
      for (let o = 0; o < hidden; o++) {
        const inner = before ? fround((reset[o] ?? 0) * fromState(2, o, state, hAt)) : fromState(2, o, faded, 0);
        const candidate = fround(Math.tanh(fround(fromInput(2, o) + inner)));
        const z = update[o] ?? 0;
        next[o] = fround(fround(fround(1 - z) * candidate) + fround(z * (state[hAt + o] ?? 0)));
      }
      state.set(next, hAt);
      all.set(next, (t * batch + row) * hidden);
    }
  context.countMacs(time * batch * 3 * hidden * (width + hidden));
  return [
    { dims: [time, 1, batch, hidden], data: all },
    { dims: [1, batch, hidden], data: state },
  ];
}

export const LINEAR_OPS: Readonly<Record<string, OpHandler>> = { Gemm: gemm, MatMul: matmul, Conv: conv, GRU: gru };
