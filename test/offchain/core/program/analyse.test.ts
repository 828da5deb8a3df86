// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { analyseProgram } from "../../../../offchain/core/program/analyse.ts";
import { roundShift } from "../../../../offchain/core/program/bounds.ts";
import { checkInputs } from "../../../../offchain/core/program/check-inputs.ts";
import type { DenseOp, Op, Program } from "../../../../offchain/core/program/types.ts";
import type { Tensor } from "../../../../offchain/core/tensor.ts";
import { runReference } from "../../../../offchain/engines/program/reference-executor.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Random, randomInputs, randomProgram } from "../../../support/random-program.ts";

const exact = { kind: "exact" } as const;
const dense = (over: Partial<DenseOp> = {}): DenseOp => ({
  kind: "dense",
  input: 0,
  outputs: 2,
  weights: Int8Array.of(1, -2, 3, 4, 5, -6),
  bias: [10n, -10n],
  finish: exact,
  ...over,
});
const program = (ops: readonly Op[], over: Partial<Program> = {}): Program => ({
  family: "quantised",
  inputs: [{ dtype: "i8", dims: [3], lo: 0, hi: 127 }],
  ops,
  output: ops.length,
  ...over,
});
const scale = { kind: "scale", dtype: "i8", shifts: [1], lo: 0, hi: 127, table: null } as const;

describe("analyseProgram", () => {
  it("default: bounds are the worst case of each channel and are reached", () => {
    const { ops } = analyseProgram(program([dense()]));
    expect(ops[0]?.bounds).to.deep.equal([
      { lo: -2n * 127n + 10n, hi: 4n * 127n + 10n },
      { lo: -6n * 127n - 10n, hi: 9n * 127n - 10n },
    ]);
    expect(ops[0]?.macs).to.equal(6);
  });

  it("behavior: no input within its range leaves the stated ranges (random programs)", () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed);
      const made = randomProgram(random);
      const analysis = analyseProgram(made);
      const { outputs } = runReference(
        { bytes: new Uint8Array(), program: made, analysis, probe: null },
        randomInputs(random, made, 32),
      );
      const { lo, hi } = analysis.values[made.output] ?? { lo: 0n, hi: 0n };
      for (const value of outputs[0]?.data ?? []) expect(BigInt(value) >= lo && BigInt(value) <= hi).to.equal(true);
    }
  });

  it("error: BOUND_OVERFLOW at 2^31 exactly, naming operator and channel", async () => {
    const at = (bias: bigint) => program([dense({ weights: new Int8Array(6), bias: [0n, bias] })]);
    expect(analyseProgram(at(2n ** 31n - 1n)).ops).to.have.length(1);
    const error = await expectCode("BOUND_OVERFLOW", () => analyseProgram(at(2n ** 31n)));
    expect(isAssayError(error) && error.meta).to.include({ layer: "dense#0", channel: 1 });
    await expectCode("BOUND_OVERFLOW", () => analyseProgram(at(-(2n ** 31n))));
    const rounded = dense({ weights: new Int8Array(6), bias: [0n, 2n ** 31n - 2n], finish: { ...scale, shifts: [4] } });
    await expectCode("BOUND_OVERFLOW", () => analyseProgram(program([rounded])));
  });

  it("error: BOUND_OVERFLOW beyond 2^250 in the polynomial family", async () => {
    const squares = Array.from({ length: 6 }, (_, i): Op => ({ kind: "square", input: i }));
    await expectCode("BOUND_OVERFLOW", () => analyseProgram(program(squares, { family: "polynomial" })));
  });

  it("error: PROGRAM_INVALID for each broken invariant", async () => {
    const broken: readonly (readonly Op[])[] = [
      [],
      [dense({ input: 1 })],
      [dense({ input: 7 })],
      [dense({ outputs: 3 })],
      [dense({ weights: new Int8Array(6).fill(-128) })],
      [dense({ bias: [1n] })],
      [dense({ finish: { ...scale, shifts: [1, 2, 3] } })],
      [dense({ finish: { ...scale, shifts: [31] } })],
      [dense({ finish: { ...scale, lo: 5, hi: 4 } })],
      [dense({ finish: { ...scale, lo: -128, hi: 0 } })],
      [dense({ finish: { ...scale, hi: 128 } })],
      [dense({ finish: { ...scale, table: new Int8Array(5) } })],
      [dense({ finish: { ...scale, dtype: "i32" } })],
      [dense(), dense({ input: 1, weights: Int8Array.of(1, 1, 1, 1) })],
      [{ kind: "square", input: 0 }],
      [{ kind: "reshape", input: 0, dims: [4] }],
      [{ kind: "transpose", input: 0, perm: [1] }],
      [{ kind: "concat", inputs: [0], axis: 1 }],
      [{ kind: "map", input: 0, lo: 0, table: new Int8Array(127) }],
      [{ kind: "map", input: 0, lo: 1, table: new Int8Array(128) }],
      [{ kind: "add", inputs: [0, 0], multipliers: [0, 1], finish: scale }],
      [{ kind: "maxPool", input: 0, kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] }],
      [dense({ finish: scale }), dense({ finish: scale })],
    ];
    for (const ops of broken) await expectCode("PROGRAM_INVALID", () => analyseProgram(program(ops)));
  });

  it("default: roundShift is floor((acc + 2^(s-1)) / 2^s), also below zero", () => {
    expect([5n, 6n, -5n, -6n, -7n].map((acc) => roundShift(acc, 2))).to.deep.equal([1n, 2n, -1n, -1n, -2n]);
    expect(roundShift(-3n, 0)).to.equal(-3n);
  });
});

describe("checkInputs", () => {
  const one = program([dense()]);
  const input = (data: Int8Array, dims: readonly number[]): Tensor => ({ dtype: "i8", dims, data });

  it("default: returns the batch", () => {
    expect(checkInputs(one, [input(new Int8Array(6), [2, 3])])).to.equal(2);
  });

  it("error: INPUT_COUNT, INPUT_SHAPE, INPUT_RANGE, BATCH_TOO_LARGE", async () => {
    await expectCode("INPUT_COUNT", () => checkInputs(one, []));
    await expectCode("INPUT_SHAPE", () => checkInputs(one, [input(new Int8Array(3), [3])]));
    await expectCode("INPUT_SHAPE", () => checkInputs(one, [input(new Int8Array(4), [1, 4])]));
    await expectCode("INPUT_SHAPE", () => checkInputs(one, [input(new Int8Array(2), [1, 3])]));
    await expectCode("INPUT_SHAPE", () => checkInputs(one, [{ dtype: "u8", dims: [1, 3], data: new Uint8Array(3) }]));
    const error = await expectCode("INPUT_RANGE", () => checkInputs(one, [input(Int8Array.of(1, -77, 0), [1, 3])]));
    expect(JSON.stringify(error), "the secret value stays out of the error").to.not.contain("-77");
    await expectCode("BATCH_TOO_LARGE", () => checkInputs(one, [input(new Int8Array(9), [3, 3])], 2));
  });
});
