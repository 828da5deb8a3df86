// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Op, Program } from "../../../offchain/core/program/types.ts";
import { biasLimit, isWeighted } from "../../../offchain/engines/zk/circuit/architecture.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { valuesToBigints } from "../../../offchain/engines/zk/r1cs/witness-values.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { loadStage } from "../../../offchain/engines/program/executor.ts";
import { runReference } from "../../../offchain/engines/program/reference-executor.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import { CHALLENGE, compileFor, expectSound, randomInputs, witnessFor } from "../../support/circuit-run.ts";
import { expectCode } from "../../support/expect-code.ts";
import { Prng } from "../../support/prng.ts";
import { conv, dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";

const ARCHITECTURES: Readonly<Record<string, Program>> = {
  "one row: a product a weight": stage([6], [dense(0, 6, 5, relu(9)), dense(1, 5, 3, signedOut(8))]),
  "a batch: one random combination": stage([7, 6], [dense(0, 6, 5, relu(9)), dense(1, 5, 4, { kind: "exact" })]),
  "convolution by polynomials, padded": stage(
    [2, 6, 5],
    [conv(0, [2, 3], [3, 3], { pads: [1, 1, 1, 1], finish: relu(10) })],
  ),
  "convolution with strides and lopsided padding": stage(
    [2, 7, 6],
    [conv(0, [2, 4], [3, 2], { strides: [2, 1], pads: [2, 0, 1, 1], finish: relu(10) })],
  ),
  "two convolutions and a dense layer": stage(
    [1, 8, 8],
    [
      conv(0, [1, 3], [3, 3], { finish: relu(9) }),
      conv(1, [3, 2], [3, 3], { strides: [2, 2], finish: relu(10) }),
      { kind: "reshape", input: 2, dims: [8] },
      dense(3, 8, 3, { kind: "exact" }),
    ],
    0,
  ),
  "a kernel of one row": stage([1, 5, 5], [conv(0, [1, 6], [1, 3], { finish: relu(8) })]),
  "a kernel as large as the image: direct products": stage([1, 3, 3], [conv(0, [1, 2], [3, 3], { finish: relu(9) })]),
};

describe("private weights (R37)", function () {
  this.timeout(240_000);

  for (const [what, architecture] of Object.entries(ARCHITECTURES))
    it(`default: ${what}; sound, and equal to the reference executor for two trainings of one circuit`, async () => {
      const prng = new Prng(11);
      const hashes = new Set<string>();
      for (let training = 0; training < 2; training++) {
        const program = retrained(architecture, prng);
        const circuit = await compileFor(program, "private");
        hashes.add(circuit.circuitHash);
        expect(circuit.groups.weights.count).to.equal(
          program.ops.reduce((sum, op) => sum + (isWeighted(op) ? op.weights.length + op.outputs : 0), 0),
        );
        if (training === 0) expectSound(circuit, prng);
        const stageOf = loadStage(encodeProgram(program), null);
        for (let i = 0; i < 5; i++) {
          const inputs = randomInputs(program, prng);
          const { values, output } = witnessFor(circuit, inputs);
          expect(firstViolation(circuit.r1cs, values)).to.equal(-1);
          expect(output).to.deep.equal(runReference(stageOf, inputs).outputs[0]);
        }
      }
      expect(hashes.size, "the circuit belongs to the architecture").to.equal(1);
    });

  it("behavior: weights of 0, 127 and -127 have the same circuit", async () => {
    const architecture = ARCHITECTURES["two convolutions and a dense layer"] as Program;
    const fill = (value: number): Program => ({
      ...architecture,
      ops: architecture.ops.map((op): Op => (isWeighted(op) ? { ...op, weights: op.weights.map(() => value) } : op)),
    });
    const hashes = await Promise.all(
      [0, 127, -127].map(async (value) => (await compileFor(fill(value), "private")).circuitHash),
    );
    expect(new Set(hashes).size).to.equal(1);
  });

  it("behavior: another shift, clamp or shape is another circuit", async () => {
    const [first, second] = [relu(9), relu(8)].map((finish) => stage([6], [dense(0, 6, 5, finish)]));
    const hash = async (program: Program) => (await compileFor(program, "private")).circuitHash;
    const base = await hash(first as Program);
    expect(await hash(second as Program)).to.not.equal(base);
    expect(await hash(stage([6], [dense(0, 6, 5, signedOut(9))]))).to.not.equal(base);
    expect(await hash(stage([6], [dense(0, 6, 4, relu(9))]))).to.not.equal(base);
  });

  it("behavior: digits-mlp within 115,000 constraints, digits-cnn within 115,000 too", async () => {
    for (const model of ["digits-mlp", "digits-cnn"]) {
      const [loaded] = (await loadModel(`models/${model}`)).stages;
      const circuit = await compileFor(loaded?.program as Program, "private");
      expect(circuit.report.constraints, model).to.be.at.most(115_000);
      const prng = new Prng(5);
      const other = retrained(circuit.program, prng);
      // Another training is swapped in without compiling: the circuit does not know its weights.
      const swapped: CompiledCircuit = { ...circuit, program: other };
      const { values } = witnessFor(swapped, randomInputs(other, prng));
      expect(firstViolation(circuit.r1cs, values)).to.equal(-1);
    }
  });

  describe("cheating provers", () => {
    const forge = async (name: string, lie: (values: bigint[], circuit: CompiledCircuit) => void) => {
      const prng = new Prng(21);
      const circuit = await compileFor(retrained(ARCHITECTURES[name] as Program, prng), "private");
      const { values } = witnessFor(circuit, randomInputs(circuit.program, prng));
      const numbers = valuesToBigints(values);
      lie(numbers, circuit);
      const bytes = values.slice();
      const view = new DataView(bytes.buffer);
      for (const [wire, value] of numbers.entries())
        for (let word = 0; word < 4; word++)
          view.setBigUint64(wire * 32 + word * 8, (value >> BigInt(64 * word)) & 0xffffffffffffffffn, true);
      // Round 2 is honest for the forged round 1: what a cheat can do best.
      bytes.fill(0, circuit.groups.round2.from * 32);
      return firstViolation(circuit.r1cs, solveRoundTwo(circuit, bytes, CHALLENGE));
    };
    /** First committed wire that is a full product's coefficient: the last wires of the products are borders. */
    const productWires = ({ plan: { steps } }: CompiledCircuit): number[] => {
      const wires: number[] = [];
      for (let at = 0; at < steps.length; at += 5) if (steps[at] === 9) wires.push(steps[at + 1] ?? 0);
      return wires;
    };

    it("behavior: a wrong border coefficient of a convolution, which no output reads, breaks the identity", async () => {
      const name = "convolution with strides and lopsided padding";
      expect(await forge(name, () => undefined)).to.equal(-1);
      for (const pick of [0, -1])
        expect(
          await forge(name, (values, circuit) => {
            const wire = productWires(circuit).at(pick) ?? 0;
            values[wire] = (values[wire] ?? 0n) + 1n;
          }),
        ).to.be.at.least(0);
    });

    it("behavior: a batch's sums shifted against each other break it", async () => {
      expect(
        await forge("a batch: one random combination", (values, circuit) => {
          const [first = 0, second = 0] = productWires(circuit);
          values[first] = (values[first] ?? 0n) + 1n;
          values[second] = (values[second] ?? 0n) - 1n;
        }),
      ).to.be.at.least(0);
    });

    it("behavior: other weights than those of the products break it", async () => {
      for (const name of Object.keys(ARCHITECTURES))
        expect(
          await forge(name, (values, { groups }) => {
            values[groups.weights.from] = (values[groups.weights.from] ?? 0n) + 1n;
          }),
          name,
        ).to.be.at.least(0);
    });
  });

  describe("refusals", () => {
    const compile = (program: Program, more = {}) =>
      compileCircuit(program, { weights: "private", inKinds: ["PUBLIC"], outKind: "PUBLIC", ...more });

    it("error: NOT_PROVABLE for a shift a channel: a retraining would change the circuit", () =>
      expectCode("NOT_PROVABLE", () => compile(stage([6], [dense(0, 6, 2, { ...relu(9), shifts: [9, 8] })]))));

    it("error: NOT_PROVABLE for a bias beyond what the architecture allows, one below is accepted", async () => {
      const op = dense(0, 6, 2, relu(9));
      const limit = biasLimit(op, { lo: -127n, hi: 127n });
      expect(limit).to.equal(1n << 17n);
      const withBias = (bias: bigint) => stage([6], [{ ...op, bias: [bias, 0n] }]);
      await compile(withBias(-limit), { cacheFolder: "build/cells" });
      await expectCode("NOT_PROVABLE", () => compile(withBias(limit + 1n)));
      await expectCode("NOT_PROVABLE", () => compile(withBias(-limit - 1n)));
    });

    it("error: BOUND_OVERFLOW where the widest training would not fit", () =>
      expectCode("BOUND_OVERFLOW", () => compile(stage([70000], [dense(0, 70000, 1, relu(20))]))));

    it("error: NOT_PROVABLE in one round: nothing would commit the weights", () =>
      expectCode("NOT_PROVABLE", () => compile(stage([6], [dense(0, 6, 2, relu(9))]), { backend: "one-round" })));
  });
});
