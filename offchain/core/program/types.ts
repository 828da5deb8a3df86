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

/**
 * acc[…, i, j] = Σ_k a[…, i, k]·b[…, k, j], or b[…, j, k] if `transposed`: attention's two products. Leading dimensions
 * (heads) are equal. Both sides are values; `finish` has one shift.
 */
export interface MatmulOp {
  readonly kind: "matmul";
  readonly inputs: readonly [number, number];
  readonly transposed: boolean;
  readonly finish: Finish;
}

/** values[clamp(floor((v + 2^(shift-1)) / 2^shift), lo, lo + values.length - 1) - lo]: a positive function of a large integer v. */
export interface ScaledTable {
  readonly shift: number;
  readonly lo: number;
  readonly values: Uint16Array;
}

/**
 * A row x of the last dimension: e_i = exp[max x - x_i]; S = Σ e_i; R = reciprocal(S);
 * y_i = min(hi, floor((e_i·R + 2^(shift-1)) / 2^shift)). exp covers the input's range exactly; exp[0] > 0.
 */
export interface SoftmaxOp {
  readonly kind: "softmax";
  readonly input: number;
  readonly exp: Uint16Array;
  readonly reciprocal: ScaledTable;
  readonly shift: number;
  readonly hi: number;
}

/**
 * A row x of the last dimension, n long: d_i = n·x_i - Σ x; V = Σ d_i²; R = rsqrt(V); acc_i = weights_i·d_i·R + bias_i.
 * `finish` has one shift. Bounds use d_i² ≤ V·(n-1)/n, so |d_i|·R stays small though V and R range widely.
 */
export interface LayerNormOp {
  readonly kind: "layerNorm";
  readonly input: number;
  readonly weights: Int8Array;
  readonly bias: readonly bigint[];
  readonly rsqrt: ScaledTable;
  readonly finish: Finish;
}

/**
 * Complete binary trees of one depth over a feature vector. Node i of a tree (0 is the root) goes to 2i + 1 if
 * x[feature] <= threshold, else to 2i + 2; the leaves follow the last level, left to right.
 * acc[o] = bias[o] + Σ over trees of leaves[(tree·2^depth + leaf)·outputs + o].
 * A shallower branch is filled with nodes {feature 0, threshold 2^31 - 1} over equal leaves: they compare nothing.
 */
export interface ForestOp {
  readonly kind: "forest";
  readonly input: number;
  readonly outputs: number;
  readonly depth: number;
  /** trees · (2^depth - 1) */
  readonly features: Uint16Array;
  readonly thresholds: Int32Array;
  /** trees · 2^depth · outputs, each within ±(2^24 - 1) */
  readonly leaves: Int32Array;
  readonly bias: readonly bigint[];
  readonly finish: Finish;
}

/** Index of the largest element of the last dimension; the lowest wins a tie. The last dimension goes (or becomes 1). */
export interface ArgmaxOp {
  readonly kind: "argmax";
  readonly input: number;
}

export type LinearOp = DenseOp | ConvOp | SumPoolOp | AddOp;
/** Operators with an i32 accumulator and a finish. */
export type AccumulatingOp = LinearOp | MatmulOp | LayerNormOp | ForestOp;
export type Op =
  AccumulatingOp | SoftmaxOp | ArgmaxOp | MaxPoolOp | ConcatOp | ReshapeOp | TransposeOp | MapOp | SquareOp;

/** The threshold of a node that is always true: padding of shallow trees. */
export const ALWAYS = 2 ** 31 - 1;

/** The values an operator reads. */
export function inputsOf(op: Op): readonly number[] {
  return "inputs" in op ? op.inputs : [op.input];
}

/** The same operator on other values, one for each that it reads. */
export function withInputs(op: Op, inputs: readonly number[]): Op {
  const [first = 0, second = 0] = inputs;
  if (op.kind === "add" || op.kind === "matmul") return { ...op, inputs: [first, second] };
  if (op.kind === "concat") return { ...op, inputs: [...inputs] };
  return { ...op, input: first };
}

export function isLinear(op: Op): op is LinearOp {
  return op.kind === "dense" || op.kind === "conv" || op.kind === "sumPool" || op.kind === "add";
}

/**
 * True for operators that have an accumulator: they alone can be a stage's probe. A forest's probe is finer than its
 * accumulator: what each tree adds, [trees, outputs].
 */
export function hasAccumulator(op: Op): op is AccumulatingOp {
  return "finish" in op;
}
