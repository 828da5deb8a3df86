// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import { FIELD, mod } from "../../../../../offchain/engines/zk/circuit/field.ts";
import type { CompiledCircuit } from "../../../../../offchain/engines/zk/circuit/types.ts";
import { bigintsToValues, valuesToBigints } from "../../../../../offchain/engines/zk/r1cs/witness-values.ts";
import { buildRoundOne } from "../../../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo, type Challenges } from "../../../../../offchain/engines/zk/witness/solve-round-two.ts";
import { FIRST_ELEMENT, scalarKernel } from "../../../../../offchain/engines/zk/scalar/scalar-kernel.ts";
import { randomInputs } from "../../../../support/circuit-run.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { mixedElement, randomElement } from "../../../../support/field-cases.ts";
import { Prng } from "../../../../support/prng.ts";
import { Random, randomProgram } from "../../../../support/random-program.ts";
import { referenceRoundTwo } from "../../../../support/reference-round-two.ts";
import { compileCase, SALT, WITNESS_CASES } from "../../../../support/witness-cases.ts";

/** The bytes, or the code of the error and the wire that it names. */
function outcome(solve: () => Uint8Array): string {
  try {
    return Buffer.from(solve()).toString("hex");
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return `${error.code} ${String(error.meta["wire"])}`;
  }
}

function expectEqual(circuit: CompiledCircuit, values: Uint8Array, challenges: Challenges, name: string): string {
  const expected = outcome(() => referenceRoundTwo(circuit, values, challenges));
  const before = values.slice();
  expect(outcome(() => solveRoundTwo(circuit, values, challenges)) === expected, name).to.equal(true);
  expect(Buffer.compare(before, values), "its input stays").to.equal(0);
  return expected;
}

describe("solveRoundTwo", function () {
  this.timeout(120_000);
  for (const [seed, [name, program, weights, kind]] of WITNESS_CASES.entries())
    describe(name, () => {
      const prng = new Prng(seed);
      let circuit: CompiledCircuit;
      let honest: Uint8Array;
      before(async () => {
        circuit = await compileCase(program(), weights, kind);
        const inputs = randomInputs(circuit.program, prng);
        honest = buildRoundOne(circuit, { inputs, salts: circuit.boundaries.map(() => SALT) }).values;
      });

      it("default: equals plain big integers at random challenges, with and without v", () => {
        for (let i = 0; i < 3; i++) {
          const challenges = { c: randomElement(prng), rho: randomElement(prng) };
          expectEqual(circuit, honest, challenges, `run ${i}`);
          expectEqual(circuit, honest, { ...challenges, v: randomElement(prng) }, `run ${i} with v`);
        }
      });

      it("edge: equals them at challenges of 0, 1, -1 and beyond the field, poles included", () => {
        for (const c of [0n, 1n, FIELD - 1n, FIELD + 2n, 1n << 253n, -3n])
          for (const rho of [0n, 1n, -1n, FIELD >> 1n]) expectEqual(circuit, honest, { c, rho }, `c ${c}, rho ${rho}`);
      });

      it("attack: equals them for committed values that no executor computes: wide, negative, no integers once shifted", () => {
        const { weights: first, round2 } = circuit.groups;
        for (const share of [1, 0.02])
          for (let i = 0; i < 3; i++) {
            const values = valuesToBigints(honest);
            for (let wire = first.from; wire < round2.from; wire++)
              if (prng.chance(share)) values[wire] = mixedElement(prng);
            const challenges = { c: randomElement(prng), rho: randomElement(prng) };
            expectEqual(circuit, bigintsToValues(values), challenges, `forgery ${i}, ${share} of the wires`);
          }
      });

      it("behavior: nothing of a witness stays in the kernel", () => {
        const kernel = scalarKernel();
        solveRoundTwo(circuit, honest, { c: randomElement(prng), rho: randomElement(prng) });
        expect(kernel.bytes(FIRST_ELEMENT, kernel.size).every((byte) => byte === 0)).to.equal(true);
      });
    });

  it("error: WITNESS_UNSOLVED where c is a pole, and the kernel serves the next", async () => {
    const circuit = await compileCase(randomProgram(new Random(3)), "public", "PUBLIC");
    const inputs = randomInputs(circuit.program, new Prng(1));
    const { values } = buildRoundOne(circuit, { inputs, salts: [] });
    await expectCode("WITNESS_UNSOLVED", () => solveRoundTwo(circuit, values, { c: 1n, rho: 1n << 200n }));
    expectEqual(circuit, values, { c: mod(1n << 255n), rho: 1n << 200n }, "after the error");
  });
});
