// SPDX-License-Identifier: MIT
import { checkInputs, DEFAULT_MAX_BATCH } from "../program/check-inputs.ts";
import { elementsOf } from "../program/analyse.ts";
import { finishAccumulator } from "../program/run/linear.ts";
import { runOperator } from "../program/run/quantised.ts";
import { inputsOf, isLinear } from "../program/types.ts";
import { describeShape, type Tensor } from "../tensor.ts";
import { MaskedError } from "./errors.ts";
import type { MaskedProgram } from "./masked-program.ts";

/** One share of every input of a stage, in the stage's order; u32-mod tensors. */
export type LaneInputs = readonly Tensor[];
export interface SharedInputs {
  readonly laneA: LaneInputs;
  readonly laneB: LaneInputs;
}

/** Balanced base-256 digits of a share, and so of anything modulo 2^32. */
export const DIGITS = 4;

/**
 * Splits inputs into two additive shares modulo 2^32, each alone uniform and independent of the input. Draws a fresh mask
 * at each call and takes none: a mask that meets two inputs shows their difference. A retry re-sends what this returned, to
 * the same lane. `randomBytes`: the operating system's generator. Errors: those of `checkInputs`.
 */
export function shareInputs(
  { program }: MaskedProgram,
  inputs: readonly Tensor[],
  randomBytes: (length: number) => Uint8Array,
  maxBatch = DEFAULT_MAX_BATCH,
): SharedInputs {
  checkInputs(program, inputs, maxBatch);
  const laneA: Tensor[] = [];
  const laneB: Tensor[] = [];
  for (const { dims, data } of inputs) {
    const a = new Uint32Array(data.length);
    // Copied, for a generator may give a view that is not aligned; the order of random bytes does not matter.
    new Uint8Array(a.buffer).set(randomBytes(4 * data.length));
    const b = new Uint32Array(data.length);
    // Stores reduce modulo 2^32, negative differences included.
    for (let e = 0; e < b.length; e++) b[e] = (data[e] ?? 0) - (a[e] ?? 0);
    laneA.push({ dtype: "u32-mod", dims, data: a });
    laneB.push({ dtype: "u32-mod", dims, data: b });
  }
  return { laneA, laneB };
}

/** Batch of shares that fit the stage. Error: SHARE_INVALID. */
function checkShares(shares: readonly Tensor[], dims: readonly (readonly number[])[]): number {
  const batch = shares[0]?.dims[0] ?? 0;
  const count = Math.max(shares.length, dims.length);
  for (let index = 0; index < count; index++) {
    const [share, want] = [shares[index], [batch, ...(dims[index] ?? [])]];
    const fits =
      share !== undefined &&
      dims[index] !== undefined &&
      batch >= 1 &&
      share.dtype === "u32-mod" &&
      share.data instanceof Uint32Array &&
      share.dims.join() === want.join() &&
      share.data.length === elementsOf(want);
    if (fits) continue;
    const expected = `u32-mod[batch,${(dims[index] ?? []).join()}]`;
    throw new MaskedError("SHARE_INVALID", {
      index,
      expected: share === undefined ? expected : `${expected} but ${describeShape(share)}`,
    });
  }
  return batch;
}

/**
 * A share as a batch of four digit planes, [4 · batch, …] i8: plane j holds d_j in [-128, 127], share = Σ 256^j d_j
 * modulo 2^32. The unchanged linear kernel runs on it within its exact range. Error: SHARE_INVALID.
 */
export function digitPlanes({ kernel }: MaskedProgram, shares: LaneInputs): Tensor[] {
  const wanted = kernel.inputs.map(({ dims }) => dims);
  const batch = checkShares(shares, wanted);
  return shares.map(({ data, dims }) => {
    const planes = new Int8Array(DIGITS * data.length);
    for (let e = 0; e < data.length; e++) {
      let rest = (data[e] ?? 0) | 0;
      for (let j = 0; j < DIGITS; j++) {
        const digit = (rest << 24) >> 24;
        planes[j * data.length + e] = digit;
        // The last carry leaves the ring.
        rest = ((rest - digit) | 0) >> 8;
      }
    }
    return { dtype: "i8", dims: [DIGITS * batch, ...dims.slice(1)], data: planes };
  });
}

/** A lane's output share of the kernel's results on its digit planes, modulo 2^32. `addsBias`: lane A alone. */
export function joinPlanes(masked: MaskedProgram, planes: Tensor, addsBias: boolean): Tensor {
  const { outDims, bias, channels, inner } = masked;
  const batch = (planes.dims[0] ?? 0) / DIGITS;
  const size = batch * elementsOf(outDims);
  const result = new Uint32Array(size);
  if (addsBias && bias.length > 0) {
    for (let e = 0, channel = 0; e < size; e += inner, channel = (channel + 1) % channels)
      result.fill(bias[channel] ?? 0, e, e + inner);
  }
  const { data } = planes;
  for (let j = 0; j < DIGITS; j++) {
    for (let e = 0, at = j * size; e < size; e++, at++)
      result[e] = (result[e] ?? 0) + Math.imul(data[at] ?? 0, 1 << (8 * j));
  }
  return { dtype: "u32-mod", dims: [batch, ...outDims], data: result };
}

/**
 * What the client does with both lanes' shares: adds them, checks every element against its channel's proven bound, then
 * rounds and runs the rest of the stage. The result is the tensor that the unmasked stage gives, bit for bit.
 * Errors: SHARE_INVALID, LANE_MISMATCH.
 */
export function openShares(masked: MaskedProgram, laneA: Tensor, laneB: Tensor): Tensor {
  const { program, analysis, at, bounds, outDims, channels, inner } = masked;
  const batch = checkShares([laneA, laneB], [outDims, outDims]);
  const accumulator = new Int32Array(laneA.data.length);
  for (let e = 0; e < accumulator.length; e++) accumulator[e] = (laneA.data[e] ?? 0) + (laneB.data[e] ?? 0);
  const limits = bounds.map(({ lo, hi }) => ({ lo: Number(lo), hi: Number(hi) }));
  for (let start = 0, channel = 0; start < accumulator.length; start += inner, channel = (channel + 1) % channels) {
    const { lo, hi } = limits[limits.length === 1 ? 0 : channel] ?? { lo: 0, hi: -1 };
    for (let e = start; e < start + inner; e++) {
      const value = accumulator[e] ?? 0;
      if (value < lo || value > hi) throw new MaskedError("LANE_MISMATCH", { channel });
    }
  }
  const op = program.ops[at];
  const finished =
    op !== undefined && isLinear(op) ? finishAccumulator(accumulator, op.finish, channels, inner) : accumulator;
  // Nothing after the linear operator reads a value before it (maskProgram).
  const values: Int32Array[] = [];
  values[program.inputs.length + at] = finished;
  for (let index = at + 1; index < program.ops.length; index++) {
    const next = program.ops[index];
    if (next === undefined) continue;
    const read = inputsOf(next);
    const { value } = runOperator(next, {
      sources: read.map((source) => values[source] ?? new Int32Array(0)),
      dims: read.map((source) => analysis.values[source]?.dims ?? []),
      outDims: analysis.ops[index]?.output.dims ?? [],
      batch,
    });
    values[program.inputs.length + index] = value;
  }
  const output = analysis.values[program.output];
  const data = values[program.output] ?? new Int32Array(0);
  const dims = [batch, ...(output?.dims ?? [])];
  return output?.dtype === "i8"
    ? { dtype: "i8", dims, data: Int8Array.from(data) }
    : { dtype: "i32", dims, data: Int32Array.from(data) };
}
