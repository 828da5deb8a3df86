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
import { checkWitness } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { expectSound, randomInputs, witnessFor } from "../../support/circuit-run.ts";
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
      // One witness an input, no loose width, no wire that moves alone. The kit's widths end at 64 bits; polynomials go beyond.
      if (circuit.report.constraints < 1200 && program.family === "quantised") expectSound(circuit, new Prng(seed));
    });
  }
});
