// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { AddOp, ConvOp, DenseOp, LinearOp, SumPoolOp } from "../../../../core/program/types.ts";
import type { BuildContext, Layer, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { linearCheckCost } from "../linear-checks.ts";
import { eachTap } from "./each-tap.ts";
import { privateConv, privateCost, privateDense } from "./private-linear.ts";
import { demandSites, finishAll, siteClasses } from "./finish.ts";

type Inputs = readonly (readonly Form[])[];

/** Constant weights are free: every accumulator is an affine form. */
function dense(op: DenseOp, [x = []]: Inputs, { net: { forms } }: BuildContext): Form[] {
  const width = op.weights.length / op.outputs;
  const ids = weightIds(op, forms.id.bind(forms));
  const accumulators: Form[] = [];
  for (let row = 0; row < x.length; row += width) {
    for (let o = 0; o < op.outputs; o++) {
      const parts: (readonly [Form, number])[] = [[forms.one, biasId(op.bias[o] ?? 0n, forms.id.bind(forms))]];
      for (let i = 0; i < width; i++) parts.push([x[row + i] as Form, ids[o * width + i] as number]);
      accumulators.push(forms.combineIds(parts));
    }
  }
  return accumulators;
}

const biasId = (bias: bigint, id: (value: bigint) => number): number => (bias === 0n ? -1 : id(bias));

const weightIds = (op: DenseOp | ConvOp, id: (value: bigint) => number): Int32Array =>
  Int32Array.from(op.weights, (weight) => (weight === 0 ? -1 : id(BigInt(weight))));

function conv(op: ConvOp, [x = []]: Inputs, frame: LayerFrame, { net: { forms } }: BuildContext): Form[] {
  const inDims = frame.sources[0]?.dims ?? [];
  const outDims = frame.info.output.dims;
  const [channels = 1, height = 1, width = 1] = inDims;
  const [size, taps] = [(outDims[1] ?? 1) * (outDims[2] ?? 1), op.kernel[0] * op.kernel[1]];
  const id = forms.id.bind(forms);
  const ids = weightIds(op, id);
  const windows: (readonly [input: number, tap: number])[][] = Array.from({ length: size }, () => []);
  eachTap(op, inDims, outDims, (output, input, tap) => windows[output]?.push([input, tap]));
  const accumulators: Form[] = [];
  for (let o = 0; o < op.outputs; o++) {
    for (const window of windows) {
      const parts: (readonly [Form, number])[] = [[forms.one, biasId(op.bias[o] ?? 0n, id)]];
      for (let c = 0; c < channels; c++) {
        for (const [input, tap] of window)
          parts.push([x[c * height * width + input] as Form, ids[(o * channels + c) * taps + tap] as number]);
      }
      accumulators.push(forms.combineIds(parts));
    }
  }
  return accumulators;
}

function sumPool(op: SumPoolOp, [x = []]: Inputs, frame: LayerFrame, { net: { forms } }: BuildContext): Form[] {
  const inDims = frame.sources[0]?.dims ?? [];
  const outDims = frame.info.output.dims;
  const [channels = 1, height = 1, width = 1] = inDims;
  const size = (outDims[1] ?? 1) * (outDims[2] ?? 1);
  const parts: (readonly [Form, number])[][] = Array.from({ length: channels * size }, () => []);
  const multiplier = forms.id(BigInt(op.multiplier));
  for (let c = 0; c < channels; c++) {
    eachTap(op, inDims, outDims, (output, input) =>
      parts[c * size + output]?.push([x[c * height * width + input] as Form, multiplier]),
    );
  }
  return parts.map((list) => forms.combineIds(list));
}

function add(op: AddOp, [x = [], y = []]: Inputs, { net: { forms } }: BuildContext): Form[] {
  const [a, b] = op.multipliers;
  return x.map((form, i) =>
    forms.combine([
      [form, a],
      [y[i] ?? forms.zero, b],
    ]),
  );
}

function accumulate(frame: LayerFrame<LinearOp>, inputs: Inputs, context: BuildContext): Form[] {
  const { op } = frame;
  switch (op.kind) {
    case "dense":
      return frame.privateWeights
        ? privateDense({ ...frame, op }, inputs[0] ?? [], context)
        : dense(op, inputs, context);
    case "conv":
      return frame.privateWeights
        ? privateConv({ ...frame, op }, inputs[0] ?? [], context)
        : conv(op, inputs, frame, context);
    case "sumPool":
      return sumPool(op, inputs, frame, context);
    case "add":
      return add(op, inputs, context);
  }
}

function channelsOf({ op, info }: LayerFrame<LinearOp>): { channels: number; inner: number } {
  const { dims } = info.output;
  const spatial = op.kind === "conv" || op.kind === "sumPool";
  const channels = op.kind === "add" ? 1 : op.kind === "sumPool" ? (dims[0] ?? 1) : op.outputs;
  return { channels, inner: spatial ? (dims[1] ?? 1) * (dims[2] ?? 1) : 1 };
}

/** dense, conv, sumPool, add: affine accumulators, then one finishing site an element. */
export const linearLayer: Layer<LinearOp> = {
  demand(frame, demand) {
    const { channels } = channelsOf(frame);
    const { op, check } = frame;
    if (frame.privateWeights && (op.kind === "dense" || op.kind === "conv")) {
      const weighted = op.kind === "dense" ? { ...frame, op } : { ...frame, op };
      demand.fixed(privateCost(weighted) + (check === undefined ? 0 : linearCheckCost(weighted, check)));
    }
    const elements = elementsOf(frame.info.output.dims);
    demandSites(siteClasses(frame, frame.op.finish, channels), elements / channels, demand);
  },
  build(frame, inputs, context) {
    const { channels, inner } = channelsOf(frame);
    const classes = siteClasses(frame, frame.op.finish, channels);
    return finishAll(context, accumulate(frame, inputs, context), classes, inner, frame.value);
  },
};
