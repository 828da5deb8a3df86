// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bytesToBig } from "../../../../../offchain/core/bytes.ts";
import { STEP_MULTIPLICITY, STEP_SALT } from "../../../../../offchain/engines/zk/circuit/netlist.ts";
import type { CompiledCircuit } from "../../../../../offchain/engines/zk/circuit/types.ts";
import { checkWitness } from "../../../../../offchain/engines/zk/r1cs/check-witness.ts";
import { valuesToBigints } from "../../../../../offchain/engines/zk/r1cs/witness-values.ts";
import { buildRoundOne } from "../../../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../../../offchain/engines/zk/witness/solve-round-two.ts";
import { CHALLENGE, randomInputs } from "../../../../support/circuit-run.ts";
import { committed } from "../../../../support/forged-witness.ts";
import { Prng } from "../../../../support/prng.ts";
import { compileCase, SALT, WITNESS_CASES } from "../../../../support/witness-cases.ts";

const kindsOf = ({ plan: { steps } }: CompiledCircuit): number[] => Array.from(steps.filter((_, i) => i % 5 === 0));

describe("buildRoundOne", function () {
  this.timeout(120_000);
  const seen = new Set<number>();

  for (const [seed, [name, program, weights, kind]] of WITNESS_CASES.entries())
    it(`default: ${name}: every step is what big integers make it, every multiplicity what the constraints ask`, async () => {
      const circuit = await compileCase(program(), weights, kind);
      const prng = new Prng(seed);
      for (const step of kindsOf(circuit)) seen.add(step);
      const { steps } = circuit.plan;
      for (let run = 0; run < 4; run++) {
        const inputs = randomInputs(circuit.program, prng);
        const { values } = buildRoundOne(circuit, { inputs, salts: circuit.boundaries.map(() => SALT) });
        const expected = committed(
          circuit,
          inputs,
          (step) => (step.kind === STEP_SALT ? bytesToBig(SALT) : undefined),
          (x) => x,
        );
        const numbers = valuesToBigints(values);
        for (let at = 0; at < steps.length; at += 5)
          if (steps[at] === STEP_MULTIPLICITY) expected[steps[at + 1] ?? 0] = numbers[steps[at + 1] ?? 0] ?? 0n;
        expect(numbers.findIndex((value, wire) => value !== expected[wire])).to.equal(-1);
        checkWitness(circuit.r1cs, solveRoundTwo(circuit, values, CHALLENGE));
      }
    });

  it("default: these circuits have steps of every kind that two rounds have", () => {
    // All but STEP_EQUALS and STEP_CONTEXT.
    expect([...seen].toSorted((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]);
  });
});
