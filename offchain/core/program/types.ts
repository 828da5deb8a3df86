// SPDX-License-Identifier: MIT

/**
 * The integer program (architecture.md §3): a DAG of integer operators. One `Program` is one stage; its bytes are
 * self-contained. Dimensions never include the batch: every tensor at run time has a leading batch dimension.
 *
 * Values are numbered: the inputs first, then one value per operator in order, so an operator may only use smaller
 * numbers and a cycle cannot be written down.
 */
export interface Program {
  /** `quantised`: i8 tensors, rounding after each linear operator. `polynomial`: exact integers, rounding at most once, at the end. */
  readonly family: "quantised" | "polynomial";
  readonly inputs: readonly ProgramInput[];
  readonly ops: readonly Op[];
  /** The value that leaves the stage. */
  readonly output: number;
}

/** An i8 or i32 tensor whose every element lies in [lo, hi]; the static bounds rest on it, so executors check it. */
export interface ProgramInput {
  readonly dtype: "i8" | "i32";
  readonly dims: readonly number[];
  readonly lo: number;
  readonly hi: number;
}

/**
 * What happens to an accumulator.
 * - `exact`: it leaves as it is (i32 in the quantised family, an unbounded integer in the polynomial one);
 * - `scale`: y = clamp(floor((acc + 2^(s-1)) / 2^s), lo, hi), then table[y - lo] if there is a table. s = 0 keeps acc.
 *   `shifts` has one entry, or one per output channel.
 */
export type Finish =
  | { readonly kind: "exact" }
  | {
      readonly kind: "scale";
      readonly dtype: "i8" | "i32";
      readonly shifts: readonly number[];
      readonly lo: number;
      readonly hi: number;
      readonly table: Int8Array | null;
    };

/** acc[o] = bias[o] + Σ weights[o·K + i]·x[i] over the last dimension of the input. */
export interface DenseOp {
  readonly kind: "dense";
  readonly input: number;
  readonly outputs: number;
  readonly weights: Int8Array;
  readonly bias: readonly bigint[];
  readonly finish: Finish;
}

export interface Window {
  /** height, width */
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** top, left, bottom, right; padded with zero (maximum pooling ignores padding). */
  readonly pads: readonly [number, number, number, number];
}

/** Cross-correlation of a [C, H, W] input with weights [outputs, C, h, w], as ONNX Conv with one group, no dilation. */
export interface ConvOp extends Window {
  readonly kind: "conv";
  readonly input: number;
  readonly outputs: number;
  readonly weights: Int8Array;
  readonly bias: readonly bigint[];
  readonly finish: Finish;
}

/** acc = multiplier · Σ window, per channel of a [C, H, W] input: average pooling once finished. */
export interface SumPoolOp extends Window {
  readonly kind: "sumPool";
  readonly input: number;
  readonly multiplier: number;
  readonly finish: Finish;
}

export interface MaxPoolOp extends Window {
  readonly kind: "maxPool";
  readonly input: number;
}

/** acc = multipliers[0]·a + multipliers[1]·b for equal shapes. */
export interface AddOp {
  readonly kind: "add";
  readonly inputs: readonly [number, number];
  readonly multipliers: readonly [number, number];
  readonly finish: Finish;
}

export interface ConcatOp {
  readonly kind: "concat";
  readonly inputs: readonly number[];
  /** Axis without the batch dimension. */
  readonly axis: number;
}

export interface ReshapeOp {
  readonly kind: "reshape";
  readonly input: number;
  readonly dims: readonly number[];
}

export interface TransposeOp {
  readonly kind: "transpose";
  readonly input: number;
  /** perm[i] is the input axis that becomes output axis i; batch dimension not included. */
  readonly perm: readonly number[];
}

/** y = table[x - lo] for an i8 input whose range is exactly [lo, lo + table.length - 1]. */
export interface MapOp {
  readonly kind: "map";
  readonly input: number;
  readonly lo: number;
  readonly table: Int8Array;
}

/** y = x², polynomial family only. */
export interface SquareOp {
  readonly kind: "square";
  readonly input: number;
}

export type LinearOp = DenseOp | ConvOp | SumPoolOp | AddOp;
export type Op = LinearOp | MaxPoolOp | ConcatOp | ReshapeOp | TransposeOp | MapOp | SquareOp;

/** The values an operator reads. */
export function inputsOf(op: Op): readonly number[] {
  return op.kind === "add" || op.kind === "concat" ? op.inputs : [op.input];
}

/** True for operators that have an accumulator: they alone can be a stage's probe. */
export function isLinear(op: Op): op is LinearOp {
  return op.kind === "dense" || op.kind === "conv" || op.kind === "sumPool" || op.kind === "add";
}
