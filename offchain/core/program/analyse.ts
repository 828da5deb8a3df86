// SPDX-License-Identifier: MIT
import { analyseBlock, isBlock, type BlockInfo } from "./analyse-block.ts";
import { ProgramError } from "./errors.ts";
import { finishedRange, linearBounds, type Interval } from "./bounds.ts";
import {
  inputsOf,
  isLinear,
  type ConvOp,
  type DenseOp,
  type Finish,
  type LinearOp,
  type Op,
  type Program,
  type Window,
} from "./types.ts";

/** Shape and range of one value. `int` is the polynomial family's unbounded integer. */
export interface ValueInfo {
  readonly dtype: "i8" | "i32" | "int";
  readonly dims: readonly number[];
  readonly lo: bigint;
  readonly hi: bigint;
}

/** What the static analysis knows about one operator. */
export interface OpInfo {
  readonly name: string;
  readonly output: ValueInfo;
  /** Multiply-accumulates for a batch of one. */
  readonly macs: number;
  /** Worst-case accumulator per output channel, for operators that have one. */
  readonly bounds: readonly Interval[] | null;
  /** Dimensions of the accumulator tensor, for operators that have one; of a forest, [trees, outputs]. */
  readonly accumulatorDims: readonly number[] | null;
}

export interface Analysis {
  readonly values: readonly ValueInfo[];
  readonly ops: readonly OpInfo[];
  readonly macs: number;
}

export const MAX_ELEMENTS = 1 << 24;
export const MAX_RANK = 6;
export const MAX_OPS = 1024;
/** So that a plain sum of i8 values over a window stays below 2^24, exact in fp32. */
export const MAX_WINDOW = 1 << 16;
/** |acc| and |acc + rounding| stay below this in the quantised family (int32). */
export const QUANTISED_LIMIT = 2n ** 31n;
/** Below the BN254 field, with room for the rounding term. */
export const POLYNOMIAL_LIMIT = 2n ** 250n;

const fail = (op: string, reason: string) => new ProgramError("PROGRAM_INVALID", { op, reason });

/** Product of dimensions. */
export function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function checkDims(dims: readonly number[], where: string): void {
  if (dims.length > MAX_RANK) throw fail(where, `rank ${dims.length} is above ${MAX_RANK}`);
  if (dims.some((dim) => !Number.isInteger(dim) || dim < 1)) throw fail(where, "a dimension is not positive");
  if (elementsOf(dims) > MAX_ELEMENTS) throw fail(where, `more than ${MAX_ELEMENTS} elements`);
}

/** Output height and width of a window over [C, H, W]. */
export function windowDims(window: Window, dims: readonly number[], where: string): [number, number, number] {
  const [channels, height, width] = dims;
  if (dims.length !== 3 || channels === undefined || height === undefined || width === undefined) {
    throw fail(where, "a window needs a [C, H, W] input");
  }
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const [top, left, bottom, right] = window.pads;
  if (Math.min(kh, kw, sh, sw) < 1) throw fail(where, "kernel and strides must be positive");
  if (kh * kw > MAX_WINDOW) throw fail(where, `a window has at most ${MAX_WINDOW} elements`);
  // A window that sees only padding has no maximum and is useless to a sum.
  if (Math.max(top, bottom) >= kh || Math.max(left, right) >= kw) throw fail(where, "padding reaches the kernel size");
  const outHeight = Math.floor((height + top + bottom - kh) / sh) + 1;
  const outWidth = Math.floor((width + left + right - kw) / sw) + 1;
  if (outHeight < 1 || outWidth < 1) throw fail(where, "the kernel is larger than its input");
  return [channels, outHeight, outWidth];
}

function checkFinish(finish: Finish, channels: number, family: Program["family"], where: string): void {
  if (finish.kind === "exact") return;
  const { shifts, lo, hi, table, dtype } = finish;
  if (shifts.length !== 1 && shifts.length !== channels) throw fail(where, "one shift, or one per channel, expected");
  const most = family === "quantised" ? 30 : 249;
  if (shifts.some((s) => !Number.isInteger(s) || s < 0 || s > most)) throw fail(where, `a shift is outside 0..${most}`);
  const limit = dtype === "i8" ? 128 : 2 ** 31 - 1;
  if (
    !Number.isInteger(lo) ||
    !Number.isInteger(hi) ||
    lo > hi ||
    lo < -limit ||
    hi >= limit + (dtype === "i8" ? 0 : 1)
  ) {
    throw fail(where, "clamp limits are out of range");
  }
  if (table !== null) {
    if (dtype !== "i8") throw fail(where, "a table gives i8");
    if (table.length !== hi - lo + 1) throw fail(where, "the table does not cover the clamped range");
  } else if (dtype === "i8" && lo < -127) throw fail(where, "i8 values are -127..127");
  if (table?.includes(-128)) throw fail(where, "i8 values are -127..127");
  if (family === "quantised" && dtype !== "i8") throw fail(where, "the quantised family scales to i8");
}

const channelsOf = (op: Op, dims: readonly number[]): number =>
  op.kind === "dense" || op.kind === "conv" ? op.outputs : op.kind === "sumPool" ? (dims[0] ?? 1) : 1;

/** Result of an operator with an accumulator. Throws BOUND_OVERFLOW. */
function accumulated(
  finish: Finish,
  family: Program["family"],
  { dims, macs, accumulatorDims }: BlockInfo,
  bounds: readonly Interval[],
  name: string,
): OpInfo {
  const limit = family === "quantised" ? QUANTISED_LIMIT : POLYNOMIAL_LIMIT;
  const rounding = finish.kind === "scale" ? 2n ** BigInt(Math.max(0, ...finish.shifts)) / 2n : 0n;
  bounds.forEach(({ lo, hi }, channel) => {
    const bound = hi + rounding > -lo ? hi + rounding : -lo;
    if (bound >= limit) {
      const text = family === "quantised" ? "2^31" : "2^250";
      throw new ProgramError("BOUND_OVERFLOW", { layer: name, channel, bound: bound.toString(), limit: text });
    }
  });
  const range = finishedRange(finish, bounds);
  const dtype = finish.kind === "exact" ? (family === "quantised" ? "i32" : "int") : finish.dtype;
  return { name, output: { dtype, dims, ...range }, macs, bounds, accumulatorDims };
}

/** Shape, range and cost of one operator, given those of its inputs. Throws PROGRAM_INVALID or BOUND_OVERFLOW. */
export function analyseOperator(op: Op, family: Program["family"], values: readonly ValueInfo[], name: string): OpInfo {
  const sources = inputsOf(op).map((index) => {
    const value = Number.isInteger(index) ? values[index] : undefined;
    if (value === undefined) throw fail(name, "it reads a value that does not exist yet");
    return value;
  });
  const first = sources[0];
  if (first === undefined) throw fail(name, "it has no input");
  const plain = (dims: readonly number[], range: ValueInfo = first): OpInfo => {
    checkDims(dims, name);
    return { name, output: { ...range, dims }, macs: 0, bounds: null, accumulatorDims: null };
  };
  if (isLinear(op)) {
    const { dims, macs } = linearShape(op, sources, name);
    checkDims(dims, name);
    checkFinish(op.finish, channelsOf(op, dims), family, name);
    if (family === "quantised" && sources.some((s) => s.dtype !== "i8")) throw fail(name, "it needs i8 inputs");
    const bounds = linearBounds(op, sources);
    return accumulated(op.finish, family, { dims, macs, bounds, accumulatorDims: dims, range: null }, bounds, name);
  }
  if (isBlock(op)) {
    if (family !== "quantised") throw fail(name, `${op.kind} exists in the quantised family only`);
    const block = analyseBlock(op, sources, name);
    checkDims(block.dims, name);
    if (block.accumulatorDims !== null) checkDims(block.accumulatorDims, name);
    if ("finish" in op && block.bounds !== null) {
      checkFinish(op.finish, 1, family, name);
      return accumulated(op.finish, family, block, block.bounds, name);
    }
    const { lo, hi, dtype } = block.range ?? first;
    return { name, output: { dtype, dims: block.dims, lo, hi }, macs: block.macs, bounds: null, accumulatorDims: null };
  }
  switch (op.kind) {
    case "maxPool":
      return plain(windowDims(op, first.dims, name));
    case "reshape":
      if (elementsOf(op.dims) !== elementsOf(first.dims)) throw fail(name, "it changes the number of elements");
      return plain(op.dims);
    case "transpose": {
      if (op.perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i) || op.perm.length !== first.dims.length) {
        throw fail(name, "perm is not a permutation of the axes");
      }
      return plain(op.perm.map((axis) => first.dims[axis] ?? 0));
    }
    case "concat": {
      const axis = op.axis;
      if (!Number.isInteger(axis) || axis < 0 || axis >= first.dims.length) throw fail(name, "no such axis");
      for (const { dims, dtype } of sources) {
        const same = dims.length === first.dims.length && dims.every((dim, i) => i === axis || dim === first.dims[i]);
        if (!same || dtype !== first.dtype) throw fail(name, "its inputs do not fit together");
      }
      const total = sources.reduce((sum, { dims }) => sum + (dims[axis] ?? 0), 0);
      const lo = sources.reduce((low, s) => (s.lo < low ? s.lo : low), first.lo);
      const hi = sources.reduce((high, s) => (s.hi > high ? s.hi : high), first.hi);
      return plain(first.dims.with(axis, total), { ...first, lo, hi });
    }
    case "map": {
      if (first.dtype !== "i8") throw fail(name, "a table needs an i8 input");
      if (BigInt(op.lo) !== first.lo || BigInt(op.table.length) !== first.hi - first.lo + 1n) {
        throw fail(name, "the table does not cover its input");
      }
      if (op.table.includes(-128)) throw fail(name, "i8 values are -127..127");
      const [lo, hi] = [BigInt(Math.min(...op.table)), BigInt(Math.max(...op.table))];
      return plain(first.dims, { ...first, lo, hi });
    }
    case "square": {
      if (family !== "polynomial") throw fail(name, "squares exist in the polynomial family only");
      const [a, b] = [first.lo * first.lo, first.hi * first.hi];
      const hi = a > b ? a : b;
      const lo = first.lo <= 0n && first.hi >= 0n ? 0n : a < b ? a : b;
      if (hi >= POLYNOMIAL_LIMIT) {
        throw new ProgramError("BOUND_OVERFLOW", { layer: name, channel: 0, bound: hi.toString(), limit: "2^250" });
      }
      return { ...plain(first.dims, { ...first, dtype: "int", lo, hi }), macs: elementsOf(first.dims) };
    }
  }
}

function linearShape(
  op: LinearOp,
  sources: readonly ValueInfo[],
  name: string,
): { dims: readonly number[]; macs: number } {
  const first = sources[0];
  const second = sources[1];
  if (first === undefined) throw fail(name, "it has no input");
  const positive = (value: number) => Number.isInteger(value) && value >= 1 && value <= 127;
  switch (op.kind) {
    case "dense": {
      const width = first.dims.at(-1);
      if (width === undefined) throw fail(name, "a dense operator needs at least one dimension");
      if (op.weights.length !== op.outputs * width) throw fail(name, "weights do not fit the input");
      checkWeights(op, name);
      const dims = [...first.dims.slice(0, -1), op.outputs];
      return { dims, macs: elementsOf(dims) * width };
    }
    case "conv": {
      const [channels, height, width] = windowDims(op, first.dims, name);
      const taps = channels * op.kernel[0] * op.kernel[1];
      if (op.weights.length !== op.outputs * taps) throw fail(name, "weights do not fit the input");
      checkWeights(op, name);
      return { dims: [op.outputs, height, width], macs: op.outputs * height * width * taps };
    }
    case "sumPool": {
      if (!positive(op.multiplier)) throw fail(name, "the multiplier is outside 1..127");
      const dims = windowDims(op, first.dims, name);
      return { dims, macs: elementsOf(dims) * op.kernel[0] * op.kernel[1] };
    }
    case "add":
      if (!op.multipliers.every(positive)) throw fail(name, "a multiplier is outside 1..127");
      if (second === undefined || second.dims.join() !== first.dims.join())
        throw fail(name, "its inputs differ in shape");
      return { dims: first.dims, macs: 2 * elementsOf(first.dims) };
  }
}

function checkWeights(op: DenseOp | ConvOp, name: string): void {
  if (op.outputs < 1 || op.bias.length !== op.outputs) throw fail(name, "one bias per output expected");
  if (op.weights.includes(-128)) throw fail(name, "weights are -127..127");
}

/**
 * Checks a program completely and computes shapes, ranges, worst-case accumulators and cost. An executor or circuit may
 * rely on every invariant of `types.ts` for a program that passed. Throws PROGRAM_INVALID or BOUND_OVERFLOW.
 */
export function analyseProgram(program: Program): Analysis {
  if (program.inputs.length < 1 || program.inputs.length > 64) throw fail("inputs", "1..64 inputs expected");
  if (program.ops.length < 1 || program.ops.length > MAX_OPS) throw fail("ops", `1..${MAX_OPS} operators expected`);
  const values: ValueInfo[] = program.inputs.map(({ dtype, dims, lo, hi }, index) => {
    checkDims(dims, `input ${index}`);
    const limit = dtype === "i8" ? 127 : 2 ** 31 - 1;
    if (!Number.isInteger(lo) || !Number.isInteger(hi) || lo > hi || lo < -limit || hi > limit) {
      throw fail(`input ${index}`, "its range does not fit its type");
    }
    return { dtype, dims, lo: BigInt(lo), hi: BigInt(hi) };
  });
  const ops: OpInfo[] = [];
  for (const [index, op] of program.ops.entries()) {
    const info = analyseOperator(op, program.family, values, `${op.kind}#${index}`);
    ops.push(info);
    values.push(info.output);
  }
  const used = new Set([program.output, ...program.ops.flatMap((op) => [...inputsOf(op)])]);
  const unused = values.findIndex((_, index) => !used.has(index));
  if (unused !== -1) throw fail(`value ${unused}`, "nothing uses it");
  const output = values[program.output];
  if (output === undefined || program.output < program.inputs.length)
    throw fail("output", "it is not an operator's value");
  if (output.dtype === "int") throw fail("output", "an output is i8 or i32; finish it with a scale");
  return { values, ops, macs: ops.reduce((sum, op) => sum + op.macs, 0) };
}
