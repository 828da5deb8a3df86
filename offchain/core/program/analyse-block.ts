// SPDX-License-Identifier: MIT
import { forestBounds, layerNormBounds, productBounds, softmaxBounds } from "./block-bounds.ts";
import { roundShift, type Interval } from "./bounds.ts";
import { ProgramError } from "./errors.ts";
import type { ArgmaxOp, ForestOp, LayerNormOp, MatmulOp, Op, ScaledTable, SoftmaxOp } from "./types.ts";

/** Operators beyond linear layers and moves: what attention, normalisation, forests and answers need. */
export type BlockOp = MatmulOp | LayerNormOp | ForestOp | SoftmaxOp | ArgmaxOp;
const KINDS: ReadonlySet<Op["kind"]> = new Set(["matmul", "layerNorm", "forest", "softmax", "argmax"]);
export const isBlock = (op: Op): op is BlockOp => KINDS.has(op.kind);

/** Leaves travel as fp32 in some executors. */
export const MAX_LEAF = 2 ** 24 - 1;
export const MAX_DEPTH = 10;
export const MAX_TREES = 4096;
/** V and its rounding half stay exact in a double. */
const VARIANCE_LIMIT = 2n ** 52n;
const MAX_TABLE = 1 << 13;

interface Source {
  readonly dtype: "i8" | "i32" | "int";
  readonly dims: readonly number[];
  readonly lo: bigint;
  readonly hi: bigint;
}

/** What the rules of one operator say; `bounds` is null where there is no accumulator, and `range` where a finish decides. */
export interface BlockInfo {
  readonly dims: readonly number[];
  readonly macs: number;
  readonly bounds: readonly Interval[] | null;
  readonly accumulatorDims: readonly number[] | null;
  readonly range: (Interval & { readonly dtype: "i8" | "i32" }) | null;
}

const fail = (op: string, reason: string) => new ProgramError("PROGRAM_INVALID", { op, reason });
const product = (dims: readonly number[]) => dims.reduce((p, dim) => p * dim, 1);

function checkTable(table: ScaledTable, where: string): void {
  const { shift, lo, values } = table;
  if (!Number.isInteger(shift) || shift < 0 || shift > 48) throw fail(where, "a table's shift is outside 0..48");
  if (!Number.isInteger(lo) || lo < 0 || lo >= 2 ** 31) throw fail(where, "a table starts below zero or too high");
  if (values.length < 1 || values.length > MAX_TABLE) throw fail(where, `a table has 1..${MAX_TABLE} entries`);
}

function matmul(op: MatmulOp, a: Source, b: Source | undefined, name: string): BlockInfo {
  const rank = a.dims.length;
  if (b === undefined || rank < 2 || b.dims.length !== rank) throw fail(name, "it needs two matrices of one rank");
  if (a.dims.slice(0, -2).join() !== b.dims.slice(0, -2).join()) throw fail(name, "its leading dimensions differ");
  const [rows = 1, inner = 1] = a.dims.slice(-2);
  const [first = 1, second = 1] = b.dims.slice(-2);
  const [columns, other] = op.transposed ? [first, second] : [second, first];
  if (inner !== other) throw fail(name, "its inner dimensions differ");
  const dims = [...a.dims.slice(0, -2), rows, columns];
  const { lo, hi } = productBounds(a, b);
  const bounds = [{ lo: lo * BigInt(inner), hi: hi * BigInt(inner) }];
  return { dims, macs: product(dims) * inner, bounds, accumulatorDims: dims, range: null };
}

function layerNorm(op: LayerNormOp, x: Source, name: string): BlockInfo {
  const width = x.dims.at(-1) ?? 0;
  if (width < 2) throw fail(name, "a layer norm needs at least two elements a row");
  if (op.weights.length !== width || op.bias.length !== width)
    throw fail(name, "one weight and bias per element expected");
  if (op.weights.includes(-128)) throw fail(name, "weights are -127..127");
  checkTable(op.rsqrt, name);
  const { variance, accumulators } = layerNormBounds(op, x, width);
  if (variance.hi >= VARIANCE_LIMIT) throw fail(name, "its rows are too long for an exact variance");
  return { dims: x.dims, macs: 3 * product(x.dims), bounds: accumulators, accumulatorDims: x.dims, range: null };
}

function softmax(op: SoftmaxOp, x: Source, name: string): BlockInfo {
  const width = x.dims.at(-1);
  if (width === undefined) throw fail(name, "a softmax needs at least one dimension");
  if (BigInt(op.exp.length) !== x.hi - x.lo + 1n) throw fail(name, "the exponential table does not cover its input");
  if ((op.exp[0] ?? 0) < 1) throw fail(name, "the largest element has no weight");
  if (!Number.isInteger(op.shift) || op.shift < 0 || op.shift > 30) throw fail(name, "a shift is outside 0..30");
  if (!Number.isInteger(op.hi) || op.hi < 1 || op.hi > 127) throw fail(name, "its limit is outside 1..127");
  checkTable(op.reciprocal, name);
  const { sum, product: worst } = softmaxBounds(op, width);
  for (const bound of [sum.hi, worst.hi + 2n ** 30n]) {
    if (bound >= 2n ** 31n) {
      throw new ProgramError("BOUND_OVERFLOW", { layer: name, channel: 0, bound: bound.toString(), limit: "2^31" });
    }
  }
  const end = (value: bigint) => {
    const rounded = roundShift(value, op.shift);
    return rounded > BigInt(op.hi) ? BigInt(op.hi) : rounded;
  };
  const range = { dtype: "i8" as const, lo: end(worst.lo), hi: end(worst.hi) };
  return { dims: x.dims, macs: 2 * product(x.dims), bounds: null, accumulatorDims: null, range };
}

function forest(op: ForestOp, x: Source, name: string): BlockInfo {
  const { depth, outputs, features, thresholds, leaves, bias } = op;
  if (x.dims.length !== 1) throw fail(name, "a forest needs one row of features");
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw fail(name, `its depth is outside 1..${MAX_DEPTH}`);
  if (outputs < 1 || bias.length !== outputs) throw fail(name, "one bias per output expected");
  const nodes = 2 ** depth - 1;
  const trees = features.length / nodes;
  if (!Number.isInteger(trees) || trees < 1 || trees > MAX_TREES)
    throw fail(name, `1..${MAX_TREES} whole trees expected`);
  if (thresholds.length !== features.length) throw fail(name, "one threshold per node expected");
  if (leaves.length !== trees * (nodes + 1) * outputs) throw fail(name, "its leaves do not fit its trees");
  const width = x.dims[0] ?? 0;
  if (features.some((feature) => feature >= width)) throw fail(name, "a node reads a feature that does not exist");
  if (leaves.some((leaf) => Math.abs(leaf) > MAX_LEAF)) throw fail(name, `a leaf is beyond ${MAX_LEAF}`);
  const dims = [trees, outputs];
  return {
    dims: [outputs],
    macs: trees * (depth + outputs),
    bounds: forestBounds(op),
    accumulatorDims: dims,
    range: null,
  };
}

/** Shape, cost and ranges of attention, normalisation, forest and argmax. Error: PROGRAM_INVALID, BOUND_OVERFLOW. */
export function analyseBlock(op: BlockOp, sources: readonly Source[], name: string): BlockInfo {
  const [x, other] = sources;
  if (x === undefined) throw fail(name, "it has no input");
  const narrow = op.kind === "forest" || op.kind === "argmax" ? ["i8", "i32"] : ["i8"];
  if (sources.some(({ dtype }) => !narrow.includes(dtype))) throw fail(name, `it needs ${narrow.join(" or ")} inputs`);
  switch (op.kind) {
    case "matmul":
      return matmul(op, x, other, name);
    case "layerNorm":
      return layerNorm(op, x, name);
    case "softmax":
      return softmax(op, x, name);
    case "forest":
      return forest(op, x, name);
    case "argmax": {
      const width = x.dims.at(-1) ?? 0;
      if (width < 1 || width > 65536) throw fail(name, "1..65536 elements expected");
      const dims = x.dims.length === 1 ? [1] : x.dims.slice(0, -1);
      const range = { dtype: width <= 128 ? ("i8" as const) : ("i32" as const), lo: 0n, hi: BigInt(width - 1) };
      return { dims, macs: product(x.dims), bounds: null, accumulatorDims: null, range };
    }
  }
}
