// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { analyseProgram } from "../../../offchain/core/program/analyse.ts";
import type { Op, Program } from "../../../offchain/core/program/types.ts";
import {
  STEP_DEFINE,
  STEP_FACTOR,
  STEP_MULTIPLICITY,
  STEP_SALT,
  STEP_VALUE,
  STEP_WEIGHT,
} from "../../../offchain/engines/zk/circuit/netlist.ts";
import { compileChecked, compileFor, randomInputs } from "../../support/circuit-run.ts";
import { Forger, type ForgedStep } from "../../support/forged-witness.ts";
import { Prng } from "../../support/prng.ts";
import { randomBlock } from "../../support/random-block.ts";
import { Random, randomPolynomial, randomProgram } from "../../support/random-program.ts";
import { conv, dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";

const MOST_STEPS = 80;
/** What advice is forged with: neighbours, the other sign, a byte's or a remainder's next turn, the other bit. */
const CHANGES: readonly ((value: bigint) => bigint)[] = [
  (value) => value + 1n,
  (value) => value - 1n,
  (value) => -value,
  (value) => value + 128n,
  (value) => value - 128n,
  (value) => value + 256n,
  (value) => 1n - value,
];

const fits = (program: Program): boolean => {
  try {
    analyseProgram(program);
    return true;
  } catch {
    return false;
  }
};

const prng = new Prng(77);
const PRIVATE: readonly Program[] = [
  stage([3, 4], [dense(0, 4, 3, relu(8)), dense(1, 3, 2, signedOut(7))]),
  stage([1, 5, 5], [conv(0, [1, 2], [3, 3], { pads: [1, 1, 1, 1], finish: relu(9) })]),
].map((program) => retrained(program, prng));
/** In linear-check mode, r as wide as the field. */
const CHECKED: readonly Program[] = [
  retrained(stage([3], [dense(0, 3, 4, relu(8)), dense(1, 4, 2, signedOut(7))]), prng),
];
const PUBLIC: readonly Program[] = [
  ...Array.from({ length: 6 }, (_, seed) => randomProgram(new Random(seed + 100))),
  ...Array.from({ length: 3 }, (_, seed) => randomPolynomial(new Random(seed + 100), seed + 1)),
  ...Array.from({ length: 8 }, (_, seed) => randomBlock(new Random(seed + 100))),
].filter(fits);

const kinds = ({ ops }: Program): string => ops.map(({ kind }: Op) => kind).join();

describe("every committed step of whole circuits", function () {
  this.timeout(240_000);
  const cases = [
    ...PUBLIC.map((program) => [program, "public"] as const),
    ...PRIVATE.map((program) => [program, "private"] as const),
    ...CHECKED.map((program) => [program, "checked"] as const),
  ];
  it("behavior: a lie that the statement leaves to the prover, a salt, does pass", async () => {
    const program = stage([3], [dense(0, 3, 2, relu(8))]);
    const forger = new Forger(await compileFor(program, "public", "SALTED"));
    const salted = ({ kind }: ForgedStep) => (kind === STEP_SALT ? 77n : undefined);
    expect(forger.passes(randomInputs(program, new Prng(1)), salted)).to.equal(true);
  });

  for (const [i, [program, weights]] of cases.entries())
    it(`attack: ${kinds(program)}, ${weights} weights (${i}): no lie about one step passes, though all that follows is fitted to it`, async () => {
      const circuit = weights === "checked" ? await compileChecked(program) : await compileFor(program, weights);
      const forger = new Forger(circuit);
      const inputs = randomInputs(program, new Prng(i));
      expect(forger.passes(inputs, () => undefined)).to.equal(true);
      const { steps } = circuit.plan;
      const free = (at: number): boolean => {
        const [kind = 0, , , p = 0] = steps.subarray(at * 5, at * 5 + 5);
        const isInput = kind === STEP_VALUE && p < program.inputs.length;
        // What the statement leaves to the prover, or to the client: salts and r.
        const isGiven = weights === "checked" && (kind === STEP_SALT || kind === STEP_FACTOR);
        return isInput || isGiven || kind === STEP_DEFINE || kind === STEP_MULTIPLICITY || kind === STEP_WEIGHT;
      };
      const all = Array.from({ length: steps.length / 5 }, (_, at) => at).filter((at) => !free(at));
      // Every pass goes through two digests in linear-check mode.
      const stride = Math.ceil(all.length / (weights === "checked" ? MOST_STEPS / 4 : MOST_STEPS));
      for (const at of all.filter((_, k) => k % stride === 0))
        for (const change of CHANGES) {
          let told = false;
          const lie = (step: ForgedStep) => {
            if (step.at !== at || change(step.honest) === step.honest) return undefined;
            told = true;
            return change(step.honest);
          };
          expect(forger.passes(inputs, lie) && told, `step ${at} of kind ${steps[at * 5]}`).to.equal(false);
        }
    });
});
