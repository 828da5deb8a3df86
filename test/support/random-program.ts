// SPDX-License-Identifier: GPL-3.0-or-later
import { analyseProgram, elementsOf, type ValueInfo } from "../../offchain/core/program/analyse.ts";
import type { Finish, Op, Program, ProgramInput, Window } from "../../offchain/core/program/types.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";

/** A small deterministic generator (mulberry32), so that a failing seed is a complete bug report. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer in [lo, hi]. */
  integer(lo: number, hi: number): number {
    return lo + Math.floor(this.next() * (hi - lo + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)] as T;
  }
}

/** Weights: random, or all at one end, which is where bounds and fp32 exactness break first. */
function weights(random: Random, length: number): Int8Array {
  const style = random.integer(0, 5);
  if (style === 0) return new Int8Array(length).fill(127);
  if (style === 1) return new Int8Array(length).fill(-127);
  if (style === 2) return Int8Array.from({ length }, () => random.pick([-127, 127]));
  return Int8Array.from({ length }, () => random.integer(-127, 127));
}

function finish(random: Random, channels: number, bits: number, last: boolean, exactAllowed: boolean): Finish {
  if (last && exactAllowed && random.integer(0, 3) === 0) return { kind: "exact" };
  const perChannel = random.integer(0, 1) === 1;
  const most = Math.max(0, bits - 6);
  const shifts = Array.from({ length: perChannel ? channels : 1 }, () => random.integer(Math.max(0, most - 4), most));
  const [lo, hi] = random.pick([
    [0, 127],
    [-127, 127],
    [-20, 90],
  ] as const);
  const withTable = random.integer(0, 2) === 0;
  const table = withTable ? Int8Array.from({ length: hi - lo + 1 }, () => random.integer(-127, 127)) : null;
  return { kind: "scale", dtype: "i8", shifts, lo, hi, table };
}

function windowFor(random: Random, dims: readonly number[]): Window {
  const [, height = 1, width = 1] = dims;
  const kernel = [random.integer(1, Math.min(3, height)), random.integer(1, Math.min(3, width))] as const;
  const pad = (size: number) => random.integer(0, size - 1);
  return {
    kernel,
    strides: [random.integer(1, 2), random.integer(1, 2)],
    pads: [pad(kernel[0]), pad(kernel[1]), pad(kernel[0]), pad(kernel[1])],
  };
}

const bitsOf = (value: number) => Math.ceil(Math.log2(value + 1));

/** A random valid program of the quantised family, sometimes with accumulators beyond 2^24. */
export function randomProgram(random: Random): Program {
  const input: ProgramInput = {
    dtype: "i8",
    dims: random.pick([[random.integer(1, 40)], [random.integer(1, 4), random.integer(3, 9), random.integer(3, 9)]]),
    ...random.pick([
      { lo: 0, hi: 127 },
      { lo: -127, hi: 127 },
      { lo: -3, hi: 100 },
    ]),
  };
  if (random.integer(0, 9) === 0) return wideProgram(random);
  const ops: Op[] = [];
  const values: ValueInfo[] = [{ dtype: "i8", dims: input.dims, lo: BigInt(input.lo), hi: BigInt(input.hi) }];
  const steps = random.integer(1, 5);
  for (let step = 0; step < steps; step++) {
    const last = step === steps - 1;
    const source = values.length - 1;
    const { dims, lo, hi } = values[source] as ValueInfo;
    ops.push(randomOp(random, source, dims, [Number(lo), Number(hi)], last, values));
    const program: Program = { family: "quantised", inputs: [input], ops, output: ops.length };
    values.push(analyseProgram(program).values.at(-1) as ValueInfo);
    if (values.at(-1)?.dtype !== "i8") break;
  }
  return { family: "quantised", inputs: [input], ops, output: ops.length };
}

function randomOp(
  random: Random,
  input: number,
  dims: readonly number[],
  [lo, hi]: readonly [number, number],
  last: boolean,
  values: readonly ValueInfo[],
): Op {
  const image = dims.length === 3;
  const kinds: readonly Op["kind"][] = image
    ? ["conv", "conv", "sumPool", "maxPool", "add", "concat", "reshape", "transpose", "map"]
    : ["dense", "dense", "dense", "add", "concat", "map", "reshape"];
  const kind = random.pick(kinds);
  const twin = values.findIndex((value) => value.dims.join() === dims.join());
  switch (kind) {
    case "conv": {
      const shape = windowFor(random, dims);
      // 8, 16 and 32 channels take onnxruntime's blocked convolution kernels.
      const outputs = random.pick([1, 2, 3, 5, 6, 8, 16, 32]);
      const taps = (dims[0] ?? 1) * shape.kernel[0] * shape.kernel[1];
      const bias = Array.from({ length: outputs }, () => BigInt(random.integer(-20000, 20000)));
      const end = finish(random, outputs, bitsOf(taps * 127 * 127), last, true);
      return { kind, input, outputs, ...shape, weights: weights(random, outputs * taps), bias, finish: end };
    }
    case "sumPool": {
      const shape = windowFor(random, dims);
      const multiplier = random.integer(1, 127);
      const bits = bitsOf(multiplier * shape.kernel[0] * shape.kernel[1] * 127);
      return { kind, input, ...shape, multiplier, finish: finish(random, dims[0] ?? 1, bits, last, true) };
    }
    case "maxPool":
      return { kind, input, ...windowFor(random, dims) };
    case "add": {
      const multipliers = [random.integer(1, 127), random.integer(1, 127)] as const;
      return { kind, inputs: [input, twin], multipliers, finish: finish(random, 1, 15, last, true) };
    }
    case "concat": {
      const axis = random.integer(0, dims.length - 1);
      return { kind, inputs: [input, twin, input].slice(0, random.integer(2, 3)), axis };
    }
    case "transpose":
      return {
        kind,
        input,
        perm: random.pick([
          [0, 1, 2],
          [2, 0, 1],
          [1, 0, 2],
          [2, 1, 0],
        ]),
      };
    case "map":
      return { kind, input, lo, table: Int8Array.from({ length: hi - lo + 1 }, () => random.integer(-127, 127)) };
    case "reshape":
      return { kind, input, dims: image && random.integer(0, 1) === 0 ? [1, ...dims] : [elementsOf(dims)] };
    case "square":
    case "matmul":
    case "softmax":
    case "layerNorm":
    case "forest":
    case "argmax":
    case "dense": {
      const width = dims.at(-1) ?? 1;
      const outputs = random.integer(1, 20);
      const bias = Array.from({ length: outputs }, () => BigInt(random.integer(-100000, 100000)));
      const end = finish(random, outputs, bitsOf(width * 127 * 127), last, true);
      return { kind: "dense", input, outputs, weights: weights(random, outputs * width), bias, finish: end };
    }
  }
}

/** A dense layer longer than 1040, whose accumulators pass 2^24: the split path. */
function wideProgram(random: Random): Program {
  const width = random.integer(1030, 2600);
  const outputs = random.integer(1, 3);
  const bias = Array.from({ length: outputs }, () => BigInt(random.integer(-(2 ** 28), 2 ** 28)));
  const end = finish(random, outputs, 26, true, true);
  const op: Op = { kind: "dense", input: 0, outputs, weights: weights(random, outputs * width), bias, finish: end };
  return { family: "quantised", inputs: [{ dtype: "i8", dims: [width], lo: -127, hi: 127 }], ops: [op], output: 1 };
}

/** A random valid program of the polynomial family: dense and square layers, one rounding at the end. */
export function randomPolynomial(random: Random, squares: number): Program {
  let width = random.integer(1, 12);
  const ops: Op[] = [];
  const input: ProgramInput = { dtype: "i8", dims: [width], lo: -127, hi: 127 };
  const dense = (outputs: number, end: Finish): Op => {
    const bias = Array.from({ length: outputs }, () => BigInt(random.integer(-(2 ** 31), 2 ** 31)));
    return { kind: "dense", input: ops.length, outputs, weights: weights(random, outputs * width), bias, finish: end };
  };
  for (let i = 0; i < squares; i++) {
    const outputs = random.integer(1, 6);
    ops.push(dense(outputs, { kind: "exact" }));
    ops.push({ kind: "square", input: ops.length });
    width = outputs;
  }
  const shifts = [random.integer(20, 30) * (squares + 1)];
  const limit = 2 ** 31 - 1;
  ops.push(dense(2, { kind: "scale", dtype: "i32", shifts, lo: -limit, hi: limit, table: null }));
  return { family: "polynomial", inputs: [input], ops, output: ops.length };
}

/** Inputs of a batch: rows of all-lowest, all-highest, all-zero (if allowed) and alternating ends, then random ones. */
export function randomInputs(random: Random, program: Program, batch: number): Tensor[] {
  return program.inputs.map(({ dtype, dims, lo, hi }) => {
    const size = elementsOf(dims);
    const data = (dtype === "i8" ? new Int8Array(batch * size) : new Int32Array(batch * size)).map((_, e) => {
      const row = Math.floor(e / size);
      if (row === 0) return lo;
      if (row === 1) return hi;
      if (row === 2) return lo <= 0 && hi >= 0 ? 0 : lo;
      if (row === 3) return e % 2 === 0 ? lo : hi;
      return random.integer(lo, hi);
    });
    return { dtype, dims: [batch, ...dims], data };
  });
}
