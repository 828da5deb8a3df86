// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf } from "../../../../core/program/analyse.ts";
import type { ConvOp, DenseOp } from "../../../../core/program/types.ts";
import type { BuildContext, LayerFrame } from "../context.ts";
import type { Form } from "../forms.ts";
import { HORNER_STEP, innerProduct, polynomialProduct, PRODUCT, PRODUCT_SUM } from "../gadgets.ts";
import { eachTap } from "./each-tap.ts";
import { GROUP_WEIGHTS, STEP_ADVICE, STEP_WEIGHT, type Netlist } from "../netlist.ts";

/** dense or conv over rows of taps: `rows` evaluations of `outputs` sums of `taps` products. */
interface Sizes {
  readonly rows: number;
  readonly outputs: number;
  readonly taps: number;
}

function denseSizes({ op, info }: LayerFrame<DenseOp>): Sizes {
  return { rows: elementsOf(info.output.dims) / op.outputs, outputs: op.outputs, taps: op.weights.length / op.outputs };
}

/** A batch costs one product a weight: Σ_b rho^b · row_b on both sides. A single row has nothing to combine. */
const batchCost = ({ rows, outputs, taps }: Sizes): number => outputs * taps + (rows - 1) * (outputs + taps);
const directCost = ({ rows, outputs, taps }: Sizes): number => rows * outputs * taps;

/** A convolution as polynomials in rho: pixel (a, b) at exponent a·stride + b. */
export interface ConvPlane {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Exponent of a row: exactly the width of the whole product, so that its coefficients are contiguous. */
  readonly stride: number;
  readonly fullHeight: number;
}

export function convPlane(op: ConvOp, inDims: readonly number[]): ConvPlane {
  const [channels = 1, height = 1, width = 1] = inDims;
  const [kh, kw] = op.kernel;
  return { channels, height, width, stride: width + kw - 1, fullHeight: height + kh - 1 };
}

/** Largest power of rho that a step over a gap needs: from the end of an image row, or of a kernel row, to the next one. */
const largestGap = ({ kernel: [kh, kw] }: ConvOp, { height, width }: ConvPlane): number =>
  Math.max(1, height > 1 ? kw : 1, kh > 1 ? width : 1);

function polynomialCost(op: ConvOp, plane: ConvPlane): number {
  const { channels, height, width, stride, fullHeight } = plane;
  const taps = op.kernel[0] * op.kernel[1];
  const kernels = channels * op.outputs;
  const full = op.outputs * (fullHeight * stride - 1);
  return channels * (height * width - 1) + kernels * (taps - 1) + full + kernels + largestGap(op, plane) - 1;
}

/** Taps that lie inside the image, of all outputs: padding costs nothing. */
function convDirectCost(op: ConvOp, { info, sources }: LayerFrame<ConvOp>): number {
  const inDims = sources[0]?.dims ?? [];
  let taps = 0;
  eachTap(op, inDims, info.output.dims, () => taps++);
  return taps * op.outputs * (inDims[0] ?? 1);
}

const usesPolynomials = (frame: LayerFrame<ConvOp>): boolean =>
  polynomialCost(frame.op, convPlane(frame.op, frame.sources[0]?.dims ?? [])) < convDirectCost(frame.op, frame);

/** Constraints of the products of a dense or conv operator with committed weights. */
export function privateCost(frame: LayerFrame<DenseOp> | LayerFrame<ConvOp>): number {
  if (isConv(frame)) {
    const plane = convPlane(frame.op, frame.sources[0]?.dims ?? []);
    return usesPolynomials(frame) ? polynomialCost(frame.op, plane) : convDirectCost(frame.op, frame);
  }
  const sizes = denseSizes(frame);
  return Math.min(batchCost(sizes), directCost(sizes));
}

const isConv = (frame: LayerFrame<DenseOp> | LayerFrame<ConvOp>): frame is LayerFrame<ConvOp> =>
  frame.op.kind === "conv";

/**
 * Committed weights and biases of one operator, as wires of the weights group. A weight that no output reads, as the corner of a kernel
 * larger than its image, is none: no constraint would hold it.
 */
function weightWires(
  { op, program }: LayerFrame<DenseOp> | LayerFrame<ConvOp>,
  { net }: BuildContext,
  isRead: (weight: number) => boolean = () => true,
) {
  const index = program.ops.indexOf(op);
  const wire = (q: number): Form => net.advice(STEP_WEIGHT, null, index, q, GROUP_WEIGHTS);
  return {
    weights: Array.from(op.weights, (_, i) => (isRead(i) ? wire(i) : net.forms.zero)),
    bias: op.bias.map((_, o) => wire(-1 - o)),
  };
}

/** Σ_i words[i] · by^i, highest first; a missing step costs a multiplication by a power of rho. */
function horner(
  { net }: BuildContext,
  terms: readonly { readonly exponent: number; readonly form: Form }[],
  power: (gap: number) => Form,
): Form {
  let sum: Form | null = null;
  let at = 0;
  for (const { exponent, form } of terms.toSorted((x, y) => y.exponent - x.exponent)) {
    if (sum === null) sum = form;
    else {
      const inputs: Readonly<Record<string, Form>> = { rho: power(at - exponent), r2_before: sum, word: form };
      sum = net.stamp(HORNER_STEP, inputs)["r2_v"]?.[0] ?? form;
    }
    at = exponent;
  }
  return sum ?? net.forms.zero;
}

/** rho^1 … rho^most. */
function powers({ net, rho }: BuildContext, most: number): (gap: number) => Form {
  const list = [rho];
  while (list.length < most) {
    const before = list.at(-1) ?? rho;
    list.push(net.stamp(HORNER_STEP, { rho, r2_before: before, word: net.forms.zero })["r2_v"]?.[0] ?? before);
  }
  return (gap) => list[gap - 1] as Form;
}

/** w·x as a running sum of committed products, one constraint a weight and row. */
export function direct(net: Netlist, weights: readonly Form[], xs: readonly Form[]): Form {
  let sum: Form | null = null;
  for (const [i, b] of xs.entries()) {
    const a = weights[i] as Form;
    const made: ReturnType<BuildContext["net"]["stamp"]> =
      sum === null ? net.stamp(PRODUCT, { a, b }) : net.stamp(PRODUCT_SUM, { a, b, before: sum });
    sum = made["y"]?.[0] ?? b;
  }
  return sum ?? net.forms.zero;
}

/** acc = W·x + bias. One row: a product a weight. A batch: Y = X·Wᵀ committed and bound by one random combination of its rows. */
export function privateDense(frame: LayerFrame<DenseOp>, x: readonly Form[], context: BuildContext): Form[] {
  const { net, rho } = context;
  const { weights, bias } = weightWires(frame, context);
  context.checks?.add(frame, weights, bias);
  const sizes = denseSizes(frame);
  const { rows, outputs, taps } = sizes;
  const row = (o: number): Form[] => weights.slice(o * taps, (o + 1) * taps);
  const withBias = (sum: Form, o: number): Form => net.forms.sum(sum, bias[o] as Form);
  if (directCost(sizes) <= batchCost(sizes))
    return Array.from({ length: rows * outputs }, (_, e) => {
      const [b, o] = [Math.floor(e / outputs), e % outputs];
      return withBias(direct(net, row(o), x.slice(b * taps, (b + 1) * taps)), o);
    });
  const y = Array.from({ length: rows * outputs }, (_, e) => net.source({ kind: STEP_ADVICE, p: frame.value, q: e }));
  const combined = (list: readonly Form[], width: number, column: number): Form =>
    horner(
      context,
      Array.from({ length: rows }, (_, b) => ({ exponent: b, form: list[b * width + column] as Form })),
      () => rho,
    );
  const u = Array.from({ length: taps }, (_, i) => combined(x, taps, i));
  for (let o = 0; o < outputs; o++)
    net.stamp(innerProduct(taps), { a: row(o), r2_u: u, r2_w: combined(y, outputs, o) });
  return y.map((sum, e) => withBias(sum, e % outputs));
}

/** acc of a convolution: the full product of each output channel is committed, and equals Σ X_i(rho)·W_oi(rho) with flipped kernels. */
export function privateConv(frame: LayerFrame<ConvOp>, x: readonly Form[], context: BuildContext): Form[] {
  const { op, info } = frame;
  const { net } = context;
  const plane = convPlane(op, frame.sources[0]?.dims ?? []);
  const { channels, height, width, stride, fullHeight } = plane;
  const [kh, kw] = op.kernel;
  const [, outHeight = 1, outWidth = 1] = info.output.dims;
  const area = outHeight * outWidth;
  const windows: (readonly [input: number, tap: number])[][] = Array.from({ length: area }, () => []);
  eachTap(op, frame.sources[0]?.dims ?? [], info.output.dims, (output, input, tap) =>
    windows[output]?.push([input, tap]),
  );
  const isPolynomial = usesPolynomials(frame);
  const read = new Set(windows.flatMap((window) => window.map(([, tap]) => tap)));
  const { weights, bias } = weightWires(frame, context, (weight) => isPolynomial || read.has(weight % (kh * kw)));
  context.checks?.add(frame, weights, bias);
  const out = (of: (o: number, pixel: number) => Form): Form[] =>
    Array.from({ length: op.outputs * area }, (_, e) => {
      const o = Math.floor(e / area);
      return net.forms.sum(of(o, e % area), bias[o] as Form);
    });
  if (!isPolynomial)
    return out((o, pixel) => {
      const [ws, xs]: [Form[], Form[]] = [[], []];
      for (let channel = 0; channel < channels; channel++)
        for (const [input, tap] of windows[pixel] ?? []) {
          ws.push(weights[(o * channels + channel) * kh * kw + tap] as Form);
          xs.push(x[channel * height * width + input] as Form);
        }
      return direct(net, ws, xs);
    });

  const power = powers(context, largestGap(op, plane));
  const image = (channel: number): Form =>
    horner(
      context,
      Array.from({ length: height * width }, (_, pixel) => ({
        exponent: Math.floor(pixel / width) * stride + (pixel % width),
        form: x[channel * height * width + pixel] as Form,
      })),
      power,
    );
  const kernel = (o: number, channel: number): Form =>
    horner(
      context,
      Array.from({ length: kh * kw }, (_, tap) => ({
        exponent: (kh - 1 - Math.floor(tap / kw)) * stride + (kw - 1 - (tap % kw)),
        form: weights[(o * channels + channel) * kh * kw + tap] as Form,
      })),
      power,
    );
  const images = Array.from({ length: channels }, (_, channel) => image(channel));
  const size = fullHeight * stride;
  const full = Array.from({ length: op.outputs }, (_, o) => {
    const y = Array.from({ length: size }, (_e, q) =>
      net.source({ kind: STEP_ADVICE, p: frame.value, q: o * size + q }),
    );
    const kernels = Array.from({ length: channels }, (_c, channel) => kernel(o, channel));
    const sum = horner(
      context,
      y.map((form, exponent) => ({ exponent, form })),
      power,
    );
    net.stamp(polynomialProduct(channels), { r2_x: images, r2_w: kernels, r2_y: sum });
    return y;
  });
  return out((o, pixel) => {
    const u = Math.floor(pixel / outWidth) * op.strides[0] + kh - 1 - op.pads[0];
    const v = (pixel % outWidth) * op.strides[1] + kw - 1 - op.pads[1];
    return full[o]?.[u * stride + v] as Form;
  });
}
