// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { loadStage } from "../../../offchain/engines/program/executor.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import { analyseProgram } from "../../../offchain/core/program/analyse.ts";
import type { Op, Program } from "../../../offchain/core/program/types.ts";
import { runReference } from "../../../offchain/engines/program/reference-executor.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { checkRounds } from "../../../offchain/engines/zk/kit/check-rounds.ts";
import { checkWitness, firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { readWords, writeWords } from "../../../offchain/engines/zk/witness/wire-values.ts";
import { STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { mod } from "../../../offchain/engines/zk/circuit/field.ts";
import { CHALLENGE, randomInputs, witnessFor } from "../../support/circuit-run.ts";
import { Prng } from "../../support/prng.ts";
import { randomBlock } from "../../support/random-block.ts";
import { Random, randomPolynomial, randomProgram } from "../../support/random-program.ts";

const compile = (program: Program, seed: number): Promise<CompiledCircuit> =>
  compileCircuit(program, {
    weights: "public",
    inKinds: program.inputs.map(() => "PUBLIC"),
    outKind: seed % 4 === 3 ? "SALTED" : "PUBLIC",
    cacheFolder: "build/cells",
  });

/** Reference, witness and constraints agree on inputs at the ends of their ranges and between. */
function expectAgreement(circuit: CompiledCircuit, program: Program, seed: number): void {
  const stage = loadStage(encodeProgram(program));
  const prng = new Prng(seed);
  for (let i = 0; i < 5; i++) {
    const inputs = randomInputs(program, prng);
    const { values, output } = witnessFor(circuit, inputs);
    checkWitness(circuit.r1cs, values);
    expect([output]).to.deep.equal(runReference(stage, inputs).outputs);
  }
  expect(checkRounds(circuit.r1cs, circuit.groups).errorLog2).to.be.below(-200);
}

/** A wrong value of any element that is a wire, with honest multiplicities for the honest one, breaks a constraint. */
function expectNoOtherOutput(circuit: CompiledCircuit, program: Program): void {
  const { steps } = circuit.plan;
  const { values } = buildRoundOne(circuit, {
    inputs: randomInputs(program, new Prng(9)),
    salts: [null, new Uint8Array(31)],
  });
  for (let at = 0; at < steps.length; at += 5) {
    if (steps[at] !== STEP_VALUE || (steps[at + 3] ?? 0) < program.inputs.length) continue;
    const wire = steps[at + 1] ?? 0;
    for (const lie of [1n, -1n, 256n]) {
      const words = new BigUint64Array(values.slice().buffer);
      writeWords(words, wire, mod(readWords(words, wire) + lie));
      const full = solveRoundTwo(circuit, new Uint8Array(words.buffer), CHALLENGE);
      expect(firstViolation(circuit.r1cs, full), `wire ${wire}`).to.be.at.least(0);
    }
  }
}

const kinds = (program: Program): string => program.ops.map(({ kind }: Op) => kind).join();

const fits = (program: Program): boolean => {
  try {
    analyseProgram(program);
    return true;
  } catch {
    return false;
  }
};

describe("layers of random programs", function () {
  this.timeout(120_000);
  const cases = [
    ...Array.from({ length: 16 }, (_, seed) => [seed, randomProgram(new Random(seed))] as const),
    ...Array.from({ length: 5 }, (_, seed) => [seed, randomPolynomial(new Random(seed), (seed % 3) + 1)] as const),
    ...Array.from({ length: 20 }, (_, seed) => [seed, randomBlock(new Random(seed))] as const),
  ].filter(([, program]) => fits(program));
  for (const [seed, program] of cases) {
    it(`default: ${kinds(program)} (seed ${seed}): reference, witness and constraints agree`, async () => {
      const circuit = await compile(program, seed);
      expectAgreement(circuit, program, seed);
      if (circuit.report.constraints < 1200) expectNoOtherOutput(circuit, program);
    });
  }
});
