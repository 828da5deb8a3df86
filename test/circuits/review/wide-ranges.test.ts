// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FIELD } from "../../../offchain/core/poseidon-constants.ts";
import type { Op, Program } from "../../../offchain/core/program/types.ts";
import { STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import { BitShapes, shapeBits, TableShapes } from "../../../offchain/engines/zk/circuit/plan/range-shapes.ts";
import { tableSets } from "../../../offchain/engines/zk/circuit/plan/choose.ts";
import { checkWitness } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { compileFor, witnessFor } from "../../support/circuit-run.ts";
import { Forger } from "../../support/forged-witness.ts";
import { conv, dense } from "../../support/small-architectures.ts";

const i8 = (dims: number[], data: number[]) => ({
  dtype: "i8" as const,
  dims: [1, ...dims],
  data: Int8Array.from(data),
});
const polynomial = (dims: number[], ops: Op[]): Program => ({
  family: "polynomial",
  inputs: [{ dtype: "i8", dims, lo: -127, hi: 127 }],
  ops,
  output: ops.length,
});
const squares = (count: number): Op[] => Array.from({ length: count }, (_, input) => ({ kind: "square", input }));
const scaled = (shift: number, table: Int8Array | null = null) =>
  ({ kind: "scale", dtype: "i8", shifts: [shift], lo: -127, hi: 127, table }) as const;

describe("values as wide as the field", function () {
  this.timeout(120_000);

  it("attack: no table spells a range in so many bits that a negative number is in it", () => {
    for (const tables of tableSets())
      for (const bits of [1, 31, 127, 240, 247, 250, 251, 252]) {
        const shapes = new TableShapes(tables);
        for (const shape of [shapes.exact(bits), shapes.loose(bits)])
          expect(shape.cost === Infinity || shapeBits(shape) <= 252, `${bits} bits by ${tables.join()}`).to.equal(true);
      }
    expect(shapeBits(new BitShapes().loose(251))).to.equal(251);
  });

  it("attack: a maximum of 250-bit polynomials is the largest, not another of its window", async () => {
    const times = (input: number, weight: number, bias = 0n): Op => ({
      ...conv(input, [1, 1], [1, 1], { finish: { kind: "exact" } }),
      weights: Int8Array.of(weight),
      bias: [bias],
    });
    const least = -(1n << 249n);
    // 127^32 · 127³ · 55 − 2^249: the window's elements differ by up to 2^250.4.
    const program = polynomial(
      [1, 1, 2],
      [
        ...squares(5),
        times(5, 127),
        times(6, 127),
        times(7, 127),
        times(8, 55, least),
        { kind: "maxPool", input: 9, kernel: [1, 2], strides: [1, 2], pads: [0, 0, 0, 0] },
        {
          kind: "sumPool",
          input: 10,
          multiplier: 1,
          kernel: [1, 1],
          strides: [1, 1],
          pads: [0, 0, 0, 0],
          finish: scaled(236),
        },
      ],
    );
    const circuit = await compileFor(program, "public");
    const inputs = [i8([1, 1, 2], [0, 127])];
    const { values, output } = witnessFor(circuit, inputs);
    checkWitness(circuit.r1cs, values);
    expect([...output.data]).to.deep.equal([127]);
    const forger = new Forger(circuit);
    expect(forger.passes(inputs, () => undefined)).to.equal(true);
    const smaller = ({ kind, p }: { kind: number; p: number }) =>
      kind !== STEP_VALUE ? undefined : p === 10 ? least : p === 11 ? -127n : undefined;
    const passes = forger.passes(inputs, smaller, (value) => (value < -(1n << 240n) ? value + FIELD : value));
    expect(passes).to.equal(false);
  });

  it("edge: a step function of an accumulator beyond 2^53 has its witness", async () => {
    const table = Int8Array.from({ length: 255 }, (_, i) => (i < 127 ? -5 : 7));
    const last = { ...dense(3, 2, 1, scaled(49, table)), weights: Int8Array.of(1, -1) };
    const circuit = await compileFor(polynomial([2], [...squares(3), last]), "public");
    expect(circuit.report.forms.S).to.equal(1);
    for (const [data, expected] of [
      [[127, 0], 7],
      [[0, 127], -5],
      [[3, 4], 7],
    ] as const) {
      const { values, output } = witnessFor(circuit, [i8([2], [...data])]);
      checkWitness(circuit.r1cs, values);
      expect([...output.data]).to.deep.equal([expected]);
    }
  });

  it("edge: committed sums beyond 2^53 are exact, of a batch and of a convolution", async () => {
    const weights = (count: number) => Int8Array.from({ length: count }, (_, i) => ((i * 37) % 255) - 127);
    const batch = { ...dense(3, 4, 4, scaled(60)), weights: weights(16) };
    const image = { ...conv(3, [1, 2], [3, 3], { finish: scaled(60) }), weights: weights(18) };
    for (const [dims, op] of [
      [[4, 4], batch],
      [[1, 6, 6], image],
    ] as const) {
      const program = polynomial([...dims], [...squares(3), op]);
      const circuit = await compileFor(program, "private");
      const count = dims.reduce((product: number, dim) => product * dim, 1);
      const data = Array.from({ length: count }, (_, i) => ((i * 53) % 255) - 127);
      checkWitness(circuit.r1cs, witnessFor(circuit, [i8([...dims], data)]).values);
    }
  });
});
