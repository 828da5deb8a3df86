// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Program } from "../../../offchain/core/program/types.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import { loadStage } from "../../../offchain/engines/program/executor.ts";
import { runReference } from "../../../offchain/engines/program/reference-executor.ts";
import { STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import { checkWitness } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { compileFor, expectSound, randomInputs, witnessFor } from "../../support/circuit-run.ts";
import { Forger } from "../../support/forged-witness.ts";
import { Prng } from "../../support/prng.ts";
import { conv, dense, relu } from "../../support/small-architectures.ts";

/** Inputs reach further below zero than above; the bias is the lowest that private weights may have. */
const lopsided: Program = {
  family: "quantised",
  inputs: [{ dtype: "i8", dims: [1], lo: -127, hi: 0 }],
  ops: [
    {
      ...dense(0, 1, 1, { kind: "scale", dtype: "i8", shifts: [8], lo: -70, hi: 20, table: null }),
      weights: Int8Array.of(127),
      bias: [-(1n << 14n)],
    },
  ],
  output: 1,
};
const lowest = [{ dtype: "i8" as const, dims: [1, 1], data: Int8Array.of(-127) }];

describe("bounds of private weights", function () {
  this.timeout(120_000);

  it("edge: an input that reaches further below zero than above meets the worst weight and bias", async () => {
    const circuit = await compileFor(lopsided, "private");
    const { values, output } = witnessFor(circuit, lowest);
    checkWitness(circuit.r1cs, values);
    expect([...output.data]).to.deep.equal([-70]);
  });

  it("attack: an accumulator below its clamp is clamped, whatever corner of the weights it comes from", async () => {
    const forger = new Forger(await compileFor(lopsided, "private"));
    expect(forger.passes(lowest, () => undefined)).to.equal(true);
    // round((−127 · 127 − 2^14) / 2^8) = −127, as if there were no clamp
    expect(forger.passes(lowest, ({ kind, p }) => (kind === STEP_VALUE && p === 1 ? -127n : undefined))).to.equal(
      false,
    );
  });

  it("edge: a kernel larger than its image has weights that nothing reads: they are no wires", async () => {
    const op = conv(0, [1, 2], [5, 5], { pads: [2, 2, 2, 2], finish: relu(9) });
    op.weights.forEach((_, i) => (op.weights[i] = (i * 31) % 127));
    const program: Program = {
      family: "quantised",
      inputs: [{ dtype: "i8", dims: [1, 2, 2], lo: -127, hi: 127 }],
      ops: [op],
      output: 1,
    };
    const circuit = await compileFor(program, "private");
    // 3 × 3 of 5 × 5 taps ever meet a pixel
    expect(circuit.groups.weights.count).to.equal(2 * (9 + 1));
    const prng = new Prng(3);
    expectSound(circuit, prng);
    const inputs = randomInputs(program, prng);
    const { values, output } = witnessFor(circuit, inputs);
    checkWitness(circuit.r1cs, values);
    expect([output]).to.deep.equal(runReference(loadStage(encodeProgram(program), null), inputs).outputs);
  });
});
