// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { analyseProgram } from "../../../../offchain/core/program/analyse.ts";
import {
  forestBounds,
  integerRoot,
  layerNormBounds,
  softmaxBounds,
} from "../../../../offchain/core/program/block-bounds.ts";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import {
  ALWAYS,
  inputsOf,
  type Finish,
  type ForestOp,
  type LayerNormOp,
  type MatmulOp,
  type Op,
  type Program,
  type ProgramInput,
  type SoftmaxOp,
} from "../../../../offchain/core/program/types.ts";
import { loadStage } from "../../../../offchain/engines/program/executor.ts";
import { runOperator } from "../../../../offchain/core/program/run/quantised.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { randomBlock, randomLayerNorm, randomSoftmax } from "../../../support/random-block.ts";
import { Random, randomInputs } from "../../../support/random-program.ts";

const scale = (shift: number): Finish => ({
  kind: "scale",
  dtype: "i8",
  shifts: [shift],
  lo: -127,
  hi: 127,
  table: null,
});
const rows = (dims: readonly number[], lo = -127, hi = 127): ProgramInput => ({ dtype: "i8", dims, lo, hi });
const program = (input: ProgramInput, ...ops: readonly Op[]): Program => ({
  family: "quantised",
  inputs: [input],
  ops,
  output: ops.length,
});

const matmul: MatmulOp = { kind: "matmul", inputs: [0, 0], transposed: true, finish: scale(9) };
const softmax: SoftmaxOp = {
  kind: "softmax",
  input: 0,
  exp: new Uint16Array(255).fill(7),
  reciprocal: { shift: 0, lo: 7, values: new Uint16Array(40).fill(9) },
  shift: 3,
  hi: 127,
};
const norm: LayerNormOp = {
  kind: "layerNorm",
  input: 0,
  weights: Int8Array.of(1, -2, 127),
  bias: [0n, 5n, -9n],
  rsqrt: { shift: 10, lo: 1, values: new Uint16Array(100).fill(64) },
  finish: scale(12),
};
const forest: ForestOp = {
  kind: "forest",
  input: 0,
  outputs: 1,
  depth: 1,
  features: Uint16Array.of(0, 2),
  thresholds: Int32Array.of(5, ALWAYS),
  leaves: Int32Array.of(-3, 4, 10, 10),
  bias: [100n],
  finish: { kind: "exact" },
};

describe("analysis of attention, norms, forests and argmax", () => {
  it("default: shapes, costs, ranges", () => {
    const shapes = (input: ProgramInput, op: Op) => {
      const { output, macs, accumulatorDims } = analyseProgram(program(input, op)).ops[0] ?? expect.fail("no operator");
      return [output.dtype, output.dims, macs, accumulatorDims];
    };
    expect(shapes(rows([2, 5, 3]), matmul)).to.deep.equal(["i8", [2, 5, 5], 150, [2, 5, 5]]);
    expect(shapes(rows([5, 5]), { ...matmul, transposed: false })).to.deep.equal(["i8", [5, 5], 125, [5, 5]]);
    expect(shapes(rows([2, 4]), softmax)).to.deep.equal(["i8", [2, 4], 16, null]);
    expect(shapes(rows([2, 3]), norm)).to.deep.equal(["i8", [2, 3], 18, [2, 3]]);
    expect(shapes(rows([3]), forest)).to.deep.equal(["i32", [1], 4, [2, 1]]);
    expect(shapes(rows([3]), { kind: "argmax", input: 0 })).to.deep.equal(["i8", [1], 3, null]);
    expect(shapes(rows([2, 129]), { kind: "argmax", input: 0 })).to.deep.equal(["i32", [2], 258, null]);
    expect(forestBounds(forest)).to.deep.equal([{ lo: 107n, hi: 114n }]);
  });

  it("error: PROGRAM_INVALID for each rule of each operator", async () => {
    const bad = (input: ProgramInput, ...ops: readonly Op[]) =>
      expectCode("PROGRAM_INVALID", () => analyseProgram(program(input, ...ops)));
    const long = { lo: 0, values: new Uint16Array(8193) };
    const table = (fields: Partial<LayerNormOp["rsqrt"]>): LayerNormOp["rsqrt"] => ({ ...norm.rsqrt, ...fields });
    await bad(rows([5]), matmul);
    await bad(rows([5, 3]), { ...matmul, transposed: false });
    await bad(rows([5, 3]), { ...matmul, finish: { ...scale(9), shifts: [9, 9] } as Finish });
    await bad(rows([2, 6]), { kind: "reshape", input: 0, dims: [4, 3] }, { ...matmul, inputs: [0, 1] });
    await bad(rows([4]), { ...softmax, exp: new Uint16Array(254).fill(1) });
    await bad(rows([4]), { ...softmax, exp: new Uint16Array(255) });
    await bad(rows([4]), { ...softmax, shift: 31 });
    await bad(rows([4]), { ...softmax, hi: 0 });
    await bad(rows([4]), { ...softmax, hi: 128 });
    await bad(rows([4]), { ...softmax, reciprocal: { ...long, shift: 0 } });
    await bad(rows([4]), { ...softmax, reciprocal: { shift: 0, lo: 1, values: new Uint16Array(0) } });
    await bad(rows([4]), norm);
    await bad(rows([1]), { ...norm, weights: Int8Array.of(1), bias: [0n] });
    await bad(rows([3]), { ...norm, weights: Int8Array.of(1, 2, -128) });
    await bad(rows([3]), { ...norm, bias: [0n] });
    await bad(rows([3]), { ...norm, rsqrt: table({ shift: 49 }) });
    await bad(rows([3]), { ...norm, rsqrt: table({ lo: -1 }) });
    const wide = 100_000;
    const zeros = Array.from({ length: wide }, () => 0n);
    await bad(rows([wide]), { ...norm, weights: new Int8Array(wide), bias: zeros });
    await bad(rows([3, 1]), forest);
    await bad(rows([2]), forest);
    for (const depth of [0, 11, 1.5]) await bad(rows([3]), { ...forest, depth });
    await bad(rows([3]), { ...forest, depth: 2 });
    await bad(rows([3]), { ...forest, thresholds: Int32Array.of(5) });
    await bad(rows([3]), { ...forest, leaves: Int32Array.of(1, 2, 3) });
    await bad(rows([3]), { ...forest, leaves: Int32Array.of(1, 2, 3, 2 ** 24) });
    await bad(rows([3]), { ...forest, bias: [] });
    await bad(rows([3]), { ...forest, features: Uint16Array.of(0, 3) });
    await bad(rows([3]), {
      ...forest,
      features: new Uint16Array(0),
      thresholds: new Int32Array(0),
      leaves: new Int32Array(0),
    });
    await bad(rows([]), { kind: "argmax", input: 0 });
    // i32 values enter forests and argmax only; nothing of this is polynomial.
    const wideInput: ProgramInput = { dtype: "i32", dims: [3], lo: 0, hi: 70_000 };
    expect(analyseProgram(program(wideInput, forest)).ops).to.have.length(1);
    await bad(wideInput, norm);
    await bad(wideInput, softmax);
    await expectCode("PROGRAM_INVALID", () => analyseProgram({ ...program(rows([3]), forest), family: "polynomial" }));
  });

  it("error: BOUND_OVERFLOW where an accumulator can pass int32", async () => {
    const over = (input: ProgramInput, op: Op) =>
      expectCode("BOUND_OVERFLOW", () => analyseProgram(program(input, op)));
    await over(rows([1, 140_000]), matmul);
    await over(rows([4]), {
      ...softmax,
      exp: new Uint16Array(255).fill(65_535),
      reciprocal: { shift: 0, lo: 0, values: new Uint16Array(1).fill(65_535) },
    });
    await over(rows([3]), { ...norm, rsqrt: { ...norm.rsqrt, values: new Uint16Array(100).fill(65_535) } });
    await over(rows([3]), { ...forest, bias: [2n ** 31n - 10n] });
  });

  it("behavior: no value leaves the range, no accumulator the bounds that the analysis states", () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const made = randomBlock(random);
      const { analysis } = loadStage(encodeProgram(made));
      const values: Int32Array[] = randomInputs(random, made, 12).map(({ data }) => Int32Array.from(data));
      for (const [index, op] of made.ops.entries()) {
        const info = analysis.ops[index] ?? expect.fail("no analysis");
        const frame = {
          sources: inputsOf(op).map((value) => values[value] ?? new Int32Array()),
          dims: inputsOf(op).map((value) => analysis.values[value]?.dims ?? []),
          outDims: info.output.dims,
          batch: 12,
        };
        const { acc, value } = runOperator(op, frame);
        const inside = value.every((v) => BigInt(v) >= info.output.lo && BigInt(v) <= info.output.hi);
        expect(inside, `${op.kind} of seed ${seed}`).to.equal(true);
        if (acc !== null && info.bounds !== null && op.kind !== "forest") {
          const { bounds } = info;
          const kept = acc.every((v, i) => {
            const bound = bounds[bounds.length === 1 ? 0 : i % bounds.length];
            return bound !== undefined && BigInt(v) >= bound.lo && BigInt(v) <= bound.hi;
          });
          expect(kept, `accumulators of seed ${seed}`).to.equal(true);
        }
        values.push(value);
      }
    }
  });

  it("behavior: every row of a small range keeps the inner bounds of softmax and layer norm", () => {
    const [lo, hi, width] = [-3, 4, 4];
    const range = { lo: BigInt(lo), hi: BigInt(hi) };
    const all = (hi - lo + 1) ** width;
    const row = (index: number) =>
      Array.from({ length: width }, (_, i) => lo + (Math.floor(index / (hi - lo + 1) ** i) % (hi - lo + 1)));
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(seed);
      const soft = randomSoftmax(random, 0, lo, hi, width);
      const layer = randomLayerNorm(random, 0, width, hi - lo);
      const s = softmaxBounds(soft, width);
      const n = layerNormBounds(layer, range, width);
      const at = (table: LayerNormOp["rsqrt"], v: number) => {
        const rounded = table.shift === 0 ? v : Math.floor(v / 2 ** table.shift + 0.5);
        return table.values[Math.max(0, Math.min(table.values.length - 1, rounded - table.lo))] ?? 0;
      };
      const within = (value: number, bound: { lo: bigint; hi: bigint }) =>
        BigInt(value) >= bound.lo && BigInt(value) <= bound.hi;
      for (let index = 0; index < all; index++) {
        const x = row(index);
        const most = Math.max(...x);
        const e = x.map((v) => soft.exp[most - v] ?? 0);
        const sum = e.reduce((a, b) => a + b, 0);
        const r = at(soft.reciprocal, sum);
        const softKept = within(sum, s.sum) && within(r, s.factor) && e.every((v) => within(v * r, s.product));
        const total = x.reduce((a, b) => a + b, 0);
        const d = x.map((v) => width * v - total);
        const v = d.reduce((a, b) => a + b * b, 0);
        const f = at(layer.rsqrt, v);
        const normKept =
          within(v, n.variance) &&
          within(f, n.factor) &&
          d.every((q) => within(q, n.difference) && within(q * f, n.scaled));
        if (!softKept || !normKept) expect.fail(`row ${x.join()} of seed ${seed}`);
      }
    }
  });

  it("behavior: integer roots are exact around squares and beyond doubles", () => {
    for (const root of [0n, 1n, 2n, 3n, 94_906_265n, 2n ** 40n, 2n ** 100n + 7n]) {
      for (const off of [-1n, 0n, 1n]) {
        const square = root * root + off;
        if (square < 0n) continue;
        const found = integerRoot(square);
        expect(found * found <= square && (found + 1n) * (found + 1n) > square, `${square}`).to.equal(true);
      }
    }
  });
});
