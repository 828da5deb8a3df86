// SPDX-License-Identifier: GPL-3.0-or-later
import { analyseProgram } from "../../offchain/core/program/analyse.ts";
import {
  ALWAYS,
  type Finish,
  type ForestOp,
  type LayerNormOp,
  type Op,
  type Program,
  type ProgramInput,
  type ScaledTable,
  type SoftmaxOp,
} from "../../offchain/core/program/types.ts";
import type { Random } from "./random-program.ts";

type Scale = Extract<Finish, { kind: "scale" }>;

function finish(random: Random, shift: number, exact = false): Finish {
  if (exact && random.integer(0, 3) === 0) return { kind: "exact" };
  const [lo, hi] = random.pick([[0, 127] as const, [-127, 127] as const, [-20, 90] as const]);
  const scale: Scale = { kind: "scale", dtype: "i8", shifts: [shift], lo, hi, table: null };
  if (random.integer(0, 2) !== 0) return scale;
  return { ...scale, table: Int8Array.from({ length: hi - lo + 1 }, () => random.integer(-127, 127)) };
}

/** A softmax over values in [lo, hi] with real tables, or with arbitrary ones: exactness must not depend on sense. */
export function randomSoftmax(random: Random, input: number, lo: number, hi: number, width: number): SoftmaxOp {
  const sense = random.integer(0, 2) > 0;
  const peak = random.pick([15, 255, 4095]);
  const step = random.pick([0.02, 0.05, 0.2]);
  const exp = Uint16Array.from({ length: hi - lo + 1 }, (_, d) =>
    sense ? Math.round(peak * Math.exp(-d * step)) : random.integer(d === 0 ? 1 : 0, peak),
  );
  const shift = random.integer(8, 14);
  const sumShift = random.integer(0, 4);
  const first = random.integer(0, Math.floor(peak / 2 ** sumShift));
  const length = Math.min(4096, random.pick([1, 7, Math.ceil((peak * width) / 2 ** sumShift)]));
  const values = Uint16Array.from({ length }, (_, i) =>
    sense ? Math.min(65535, (127 * 2 ** shift) / ((first + i + 0.5) * 2 ** sumShift)) : random.integer(0, 2000),
  );
  return {
    kind: "softmax",
    input,
    exp,
    reciprocal: { shift: sumShift, lo: first, values },
    shift,
    hi: random.pick([127, 64, 1]),
  };
}

export function randomLayerNorm(random: Random, input: number, width: number, spread: number): LayerNormOp {
  const most = (width ** 3 * spread ** 2) / 4;
  const length = random.pick([1, 31, 255, 1000]);
  const shift = Math.max(0, Math.ceil(Math.log2(most / length)));
  const rsqrt: ScaledTable = {
    shift,
    lo: random.integer(0, 3),
    values: Uint16Array.from({ length }, (_, i) => Math.min(65535, random.integer(1, 9) * (40 / Math.sqrt(i + 0.5)))),
  };
  const weights = Int8Array.from({ length: width }, () => random.integer(-127, 127));
  const bias = Array.from({ length: width }, () => BigInt(random.integer(-20000, 20000)));
  return { kind: "layerNorm", input, weights, bias, rsqrt, finish: finish(random, random.integer(8, 22), true) };
}

export function randomForest(random: Random, input: ProgramInput): ForestOp {
  const depth = random.integer(1, 6);
  const trees = random.integer(1, 12);
  const outputs = random.integer(1, 3);
  const nodes = 2 ** depth - 1;
  const length = trees * nodes;
  const features = Uint16Array.from({ length }, () => random.integer(0, (input.dims[0] ?? 1) - 1));
  const threshold = () =>
    random.integer(0, 9) === 0
      ? random.pick([input.lo, input.hi, input.lo - 1, ALWAYS])
      : random.integer(input.lo, input.hi);
  const thresholds = Int32Array.from({ length }, threshold);
  const size = random.pick([5, 3000, 2 ** 24 - 1]);
  const leaves = Int32Array.from({ length: trees * (nodes + 1) * outputs }, () => random.integer(-size, size));
  const bias = Array.from({ length: outputs }, () => BigInt(random.integer(-5000, 5000)));
  const shift = Math.max(0, Math.ceil(Math.log2(size * trees)) - random.integer(4, 8));
  const common = { kind: "forest", input: 0, outputs, depth, features, thresholds, leaves, bias } as const;
  return { ...common, finish: finish(random, shift, true) };
}

function attention(random: Random): Program {
  const heads = random.integer(1, 3);
  const [rows, inner] = [random.integer(1, 9), random.integer(1, 9)];
  const input: ProgramInput = { dtype: "i8", dims: [heads, rows, inner], lo: -127, hi: 127 };
  const ops: Op[] = [];
  const range = () => {
    const value = analyseProgram({ family: "quantised", inputs: [input], ops, output: ops.length }).values.at(-1);
    return [Number(value?.lo ?? 0n), Number(value?.hi ?? 0n)] as const;
  };
  const shift = 14 + Math.ceil(Math.log2(inner)) - random.integer(6, 8);
  const scores: Finish = {
    kind: "scale",
    dtype: "i8",
    shifts: [shift],
    lo: random.pick([-127, -5]),
    hi: 127,
    table: null,
  };
  ops.push({ kind: "matmul", inputs: [0, 0], transposed: true, finish: scores });
  ops.push(randomSoftmax(random, 1, ...range(), rows));
  if (random.integer(0, 1) === 0) {
    ops.push({ kind: "matmul", inputs: [2, 0], transposed: false, finish: finish(random, random.integer(5, 9), true) });
    return { family: "quantised", inputs: [input], ops, output: 3 };
  }
  ops.push({ kind: "transpose", input: 0, perm: [0, 2, 1] });
  ops.push({ kind: "matmul", inputs: [3, 1], transposed: false, finish: finish(random, random.integer(8, 12)) });
  ops.push({ kind: "matmul", inputs: [4, 2], transposed: false, finish: { kind: "exact" } });
  ops.push({ kind: "argmax", input: 5 });
  return { family: "quantised", inputs: [input], ops, output: 6 };
}

/** A random valid program around attention, a layer norm, a forest or an argmax, its tables sensible or not. */
export function randomBlock(random: Random): Program {
  const kind = random.pick(["attention", "layerNorm", "forest", "wide"] as const);
  if (kind === "attention") return attention(random);
  if (kind === "forest") {
    const wide = random.integer(0, 1) === 1;
    const range = wide
      ? random.pick([[-(2 ** 31) + 1, 2 ** 31 - 1] as const, [0, 60000] as const])
      : ([-100, 127] as const);
    const dims = [random.integer(1, 9)];
    const input: ProgramInput = { dtype: wide ? "i32" : "i8", dims, lo: range[0], hi: range[1] };
    const forest = randomForest(random, input);
    const ops: Op[] = [forest];
    if (forest.outputs > 1 && random.integer(0, 1) === 1) ops.push({ kind: "argmax", input: 1 });
    return { family: "quantised", inputs: [input], ops, output: ops.length };
  }
  if (kind === "wide") {
    // Products whose partial sums pass 2^24: the fp64 path.
    const inner = random.integer(1050, 1400);
    const input: ProgramInput = { dtype: "i8", dims: [1, inner], lo: -127, hi: 127 };
    const op: Op = { kind: "matmul", inputs: [0, 0], transposed: true, finish: finish(random, 18, true) };
    return { family: "quantised", inputs: [input], ops: [op], output: 1 };
  }
  const [lo, hi] = random.pick([[-127, 127] as const, [0, 127] as const, [-3, 5] as const]);
  const width = random.integer(2, 70);
  const input: ProgramInput = { dtype: "i8", dims: [random.integer(1, 4), width], lo, hi };
  return { family: "quantised", inputs: [input], ops: [randomLayerNorm(random, 0, width, hi - lo)], output: 1 };
}
