// SPDX-License-Identifier: MIT
import { elementsOf, type Analysis } from "../analyse.ts";
import { isBlock, type BlockOp } from "../analyse-block.ts";
import { inputsOf, isLinear, type LinearOp, type Op, type Program } from "../types.ts";
import { runBlock, type Frame } from "./block.ts";
import { convAccumulate, denseAccumulate, finishAccumulator, poolWindows } from "./linear.ts";
import { concatSources, transposeSources } from "./move.ts";

const NOTHING = new Int32Array(0);

/** Accumulator of a linear operator, then its finished value. */
function runLinear(op: LinearOp, frame: Frame): { acc: Int32Array; value: Int32Array } {
  const { sources, dims, outDims, batch } = frame;
  const x = sources[0] ?? NOTHING;
  const inDims = dims[0] ?? [];
  const inner = (outDims[1] ?? 1) * (outDims[2] ?? 1);
  const room = new Int32Array(batch * elementsOf(outDims));
  switch (op.kind) {
    case "dense": {
      const acc = denseAccumulate(op, op.bias.map(Number), x, room);
      return { acc, value: finishAccumulator(acc, op.finish, op.outputs, 1) };
    }
    case "conv": {
      const acc = convAccumulate(op, op.bias.map(Number), x, inDims, outDims, room);
      return { acc, value: finishAccumulator(acc, op.finish, op.outputs, inner) };
    }
    case "sumPool": {
      const sums = poolWindows(op, x, inDims, outDims, room, 0, (sum, value) => sum + value);
      const acc = sums.map((sum) => sum * op.multiplier);
      return { acc, value: finishAccumulator(acc, op.finish, outDims[0] ?? 1, inner) };
    }
    case "add": {
      const other = sources[1] ?? NOTHING;
      const [a, b] = op.multipliers;
      const acc = x.map((value, i) => a * value + b * (other[i] ?? 0));
      return { acc, value: finishAccumulator(acc, op.finish, 1, 1) };
    }
  }
}

function runPlain(op: Exclude<Op, LinearOp | BlockOp>, frame: Frame): Int32Array {
  const { sources, dims, outDims, batch } = frame;
  const x = sources[0] ?? NOTHING;
  const inDims = dims[0] ?? [];
  switch (op.kind) {
    case "maxPool": {
      const room = new Int32Array(batch * elementsOf(outDims));
      return poolWindows(op, x, inDims, outDims, room, -(2 ** 31), (best, value) => (value > best ? value : best));
    }
    case "concat": {
      const { part, index } = concatSources(dims, op.axis, batch);
      return part.map((p, e) => sources[p]?.[index[e] ?? 0] ?? 0);
    }
    case "reshape":
      return x;
    case "transpose":
      return transposeSources(inDims, op.perm, batch).map((source) => x[source] ?? 0);
    case "map":
      return x.map((value) => op.table[value - op.lo] ?? 0);
    case "square":
      // Refused in this family by analyseProgram; the result is what it would mean.
      return x.map((value) => value * value);
  }
}

/** One operator; `acc` is its accumulator, if it has one (of a forest, what each tree adds). */
export function runOperator(op: Op, frame: Frame): { acc: Int32Array | null; value: Int32Array } {
  if (isLinear(op)) return runLinear(op, frame);
  return isBlock(op) ? runBlock(op, frame) : { acc: null, value: runPlain(op, frame) };
}

/**
 * The plain loops over a checked program of the quantised family: int32 arithmetic, written to be read.
 * Returns every value (inputs first) and the accumulator of operator `probe`.
 */
export function runQuantised(
  program: Program,
  analysis: Analysis,
  inputs: readonly Int32Array[],
  batch: number,
  probe: number | null,
): { values: Int32Array[]; accumulator: Int32Array | null } {
  const values = [...inputs];
  let accumulator: Int32Array | null = null;
  for (const [index, op] of program.ops.entries()) {
    const frame: Frame = {
      sources: inputsOf(op).map((value) => values[value] ?? NOTHING),
      dims: inputsOf(op).map((value) => analysis.values[value]?.dims ?? []),
      outDims: analysis.ops[index]?.output.dims ?? [],
      batch,
    };
    const { acc, value } = runOperator(op, frame);
    if (index === probe) accumulator = acc;
    values.push(value);
  }
  return { values, accumulator };
}
