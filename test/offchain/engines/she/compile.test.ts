// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cipherDigest, objectsRoot } from "../../../../offchain/core/she/digest.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { compilePlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import type { LinearMap } from "../../../../offchain/engines/she/compile/linear-map.ts";
import {
  packFew,
  packGathered,
  packPeriodic,
  packReplicated,
  powerOfTwo,
  type Packing,
} from "../../../../offchain/engines/she/compile/packing.ts";
import { jobKeys, keyBytesOf, planSizes } from "../../../../offchain/engines/she/compile/plan.ts";
import { isBelow, over, ratio, times, toDouble } from "../../../../offchain/engines/she/compile/ratio.ts";
import { readProgram, runLayers } from "../../../../offchain/engines/she/compile/read-program.ts";
import { toleranceOf } from "../../../../offchain/engines/she/compile/tolerance.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { runPolynomial } from "../../../../offchain/core/program/run/polynomial.ts";
import { analyseProgram } from "../../../../offchain/core/program/analyse.ts";
import { KNOWN_DIGEST, knownRun, shortDigest } from "../../../support/she/known-run.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor, encryptFor, errorOf, keysFor, runnersFor } from "../../../support/she/encrypted-run.ts";
import {
  EXACT,
  polyConvolution,
  polynomial,
  polyPerceptron,
  randomInput,
  ROUNDED,
  square,
  toyOperators,
} from "../../../support/she/toy-programs.ts";

const rotate = (v: Float64Array, by: number) => v.map((_, s) => v[(s + by) % v.length] ?? 0);

/** What the evaluator does with a packing, on plain slots. */
function simulate(packing: Packing, slots: Float64Array): Float64Array {
  let sum = new Float64Array(slots.length);
  for (let a = packing.giants - 1; a >= 0; a--) {
    sum = rotate(sum, packing.babies);
    for (let b = 0; b < packing.babies; b++) {
      const [x, diagonal] = [rotate(slots, b), packing.diagonal(a, b)];
      sum = sum.map((value, s) => value + (x[s] ?? 0) * (diagonal?.[s] ?? 0));
    }
  }
  for (const fold of packing.folds) {
    const turned = rotate(sum, fold);
    sum = sum.map((value, s) => value + (turned[s] ?? 0));
  }
  return sum;
}

function randomMap(rng: Prng, inputs: number, outputs: number, density: number): LinearMap {
  const rows = Array.from({ length: outputs }, () => {
    const columns = Array.from({ length: inputs }, (_, i) => i).filter(() => rng.chance(density));
    return { columns, weights: columns.map(() => rng.int(1, 127) * (rng.chance(0.5) ? 1 : -1)) };
  });
  return { inputs, rows, bias: rows.map(() => BigInt(rng.int(-9, 9))) };
}

describe("packings of linear maps", () => {
  it("property: each gives the map's sums where it says, for sizes that are no powers of two", () => {
    const rng = new Prng(31);
    const tried = { gathered: 0, replicated: 0, periodic: 0, few: 0 };
    for (let round = 0; round < 60; round++) {
      const [inputs, outputs] = [rng.int(1, 40), rng.int(1, 40)];
      const slots = rng.pick([32, 64, 128, 256]);
      const map = randomMap(rng, inputs, outputs, rng.pick([0.1, 0.5, 1]));
      const x = Array.from({ length: inputs }, () => rng.int(-100, 100));
      const expected = map.rows.map(({ columns, weights }) =>
        columns.reduce((sum, column, k) => sum + (weights[k] ?? 0) * (x[column] ?? 0), 0),
      );
      const check = (kind: keyof typeof tried, packing: Packing | undefined, packed: Float64Array) => {
        if (packing === undefined) return;
        tried[kind]++;
        const result = simulate(packing, packed);
        expect(packing.outputs.map((slot) => (result[slot] ?? 0) + 0)).to.deep.equal(expected.map((y) => y + 0));
        for (const [s, o] of packing.bias.entries()) if (o >= 0) expect(result[s]).to.equal(expected[o]);
        if (packing.period > 0) for (const s of result.keys()) expect(result[s]).to.equal(result[s % packing.period]);
      };
      const split = (diagonals: number) => Math.min(diagonals, rng.pick([1, 2, 4]));
      const gather = (input: Int32Array) => Float64Array.from(input, (i) => (i < 0 ? 0 : (x[i] ?? 0)));
      const gathered = packGathered(map, slots);
      check("gathered", gathered?.packing, gather(gathered?.input ?? new Int32Array(0)));
      const replicas = packReplicated(map, slots, split);
      check("replicated", replicas?.packing, gather(replicas?.input ?? new Int32Array(0)));
      const period = powerOfTwo(inputs) * rng.pick([1, 2]);
      if (period > slots) continue;
      const repeated = Float64Array.from({ length: slots }, (_, s) => x[s % period] ?? 0);
      check("periodic", packPeriodic(map, slots, period, split), repeated);
      check("few", packFew(map, slots, period), repeated);
    }
    for (const count of Object.values(tried)) expect(count).to.be.greaterThan(5);
  });

  it("behavior: scales are exact fractions", () => {
    const third = over(ratio(2n), ratio(6n));
    expect(third).to.deep.equal({ numerator: 1n, denominator: 3n });
    expect(toDouble(third)).to.equal(1 / 3);
    expect(toDouble(times(ratio(2n ** 300n), over(ratio(1n), ratio(2n ** 301n))))).to.equal(0.5);
    expect(toDouble(ratio(2n ** 100n))).to.equal(2 ** 100);
    expect([isBelow(2 ** 60, 2n ** 60n), isBelow(2 ** 59, 2n ** 60n), isBelow(Infinity, 2n)]).to.deep.equal([
      false,
      true,
      false,
    ]);
  });
});

describe("reading polynomial programs", () => {
  it("property: layers compute what the exact reference computes: convolution, pooling, residual sums, dense", () => {
    const rng = new Prng(8);
    const { conv, dense } = toyOperators(rng);
    const program = polynomial(
      [2, 6, 6],
      [
        conv(0, 2, 3, 3, 1, 1),
        conv(0, 2, 3, 1, 1, 0),
        { kind: "add", inputs: [1, 2], multipliers: [3, 5], finish: EXACT },
        {
          kind: "sumPool",
          input: 3,
          kernel: [2, 2],
          strides: [2, 2],
          pads: [0, 0, 0, 0],
          multiplier: 2,
          finish: EXACT,
        },
        { kind: "reshape", input: 4, dims: [27] },
        square(5),
        dense(6, 27, 4, false),
        square(7),
        dense(8, 4, 3, true),
      ],
    );
    const layered = readProgram(program);
    expect(layered.layers.map(({ kind }) => kind)).to.deep.equal(["linear", "square", "linear", "square", "linear"]);
    expect(layered.finish).to.deep.equal(ROUNDED);
    const input = randomInput(program, rng);
    const { accumulator } = runPolynomial(program, analyseProgram(program), [input.map(BigInt)], 1, 8);
    for (const [o, y] of (runLayers(layered, input).at(-1) ?? []).entries())
      expect(Math.abs(y / Number(accumulator?.[o]) - 1)).to.be.lessThan(1e-9);
  });

  it("error: PROGRAM_UNSUPPORTED names the operator", async () => {
    const rng = new Prng(9);
    const { dense } = toyOperators(rng);
    const joined = polynomial(
      [4],
      [dense(0, 4, 4), square(1), { kind: "add", inputs: [1, 2], multipliers: [1, 1], finish: ROUNDED }],
    );
    const rounding = polynomial([4], [dense(0, 4, 4, true), dense(1, 4, 4, true)]);
    for (const program of [joined, rounding]) await expectCode("PROGRAM_UNSUPPORTED", () => readProgram(program));
    const quantised = { ...rounding, family: "quantised" as const, ops: [dense(0, 4, 4)], output: 1 };
    await expectCode("PROGRAM_UNSUPPORTED", () => readProgram(quantised));
  });
});

describe("tolerances", () => {
  it("default: four times the largest error; error: TOLERANCE_THIN on too little", async () => {
    const seen = Array.from({ length: 1000 }, (_, i) => ({ keySet: i % 4, error: i / 1e6 }));
    expect(toleranceOf(seen)).to.equal((4 * 999) / 1e6);
    await expectCode("TOLERANCE_THIN", () => toleranceOf(seen.slice(1)));
    await expectCode("TOLERANCE_THIN", () => toleranceOf(seen.map(({ error }) => ({ keySet: 1, error }))));
    await expectCode("TOLERANCE_THIN", () => toleranceOf([...seen, { keySet: 0, error: Number.NaN }]));
  });
});

describe("encrypted evaluation of compiled programs", () => {
  const calibrate = (program: Parameters<typeof randomInput>[0], rng: Prng) =>
    Array.from({ length: 10 }, () => randomInput(program, rng));

  it("default: dense, square, dense: within 1e-3 of the exact program, for several inputs and key sets", () => {
    const rng = new Prng(1);
    const program = polyPerceptron([20, 12, 3], rng);
    const compiled = compilePlan(program, { calibration: calibrate(program, rng) });
    expect(compiled.plan.profile.name).to.equal("P13-3");
    for (let set = 0; set < 2; set++) {
      const client = clientFor(compiled);
      const [runner] = runnersFor(compiled, keysFor(compiled, client));
      for (let i = 0; i < 2; i++) {
        const input = randomInput(program, rng);
        const output = runner?.run(encryptFor(compiled, client, [input]));
        if (output === undefined) return expect.fail("nothing ran");
        const { error, largest } = errorOf(compiled, client, output, [input]);
        expect(error).to.be.lessThan(1e-3);
        expect(largest).to.be.greaterThan(0.01);
      }
    }
    return undefined;
  });

  it("behavior: two stages give what one stage gives, each with its own keys; a batch fills the slots", () => {
    const rng = new Prng(2);
    const program = polyPerceptron([6, 8, 2], rng);
    const calibration = calibrate(program, rng);
    const interleave = 64;
    const compiled = compilePlan(program, { calibration, interleave, cuts: [0], profile: sheProfile(1) });
    const whole = compilePlan(program, { calibration, interleave, profile: sheProfile(1) });
    expect(compiled.plan.stages.length).to.equal(2);
    const client = clientFor(compiled);
    const samples = Array.from({ length: interleave }, () => randomInput(program, rng));
    const input = encryptFor(compiled, client, samples);
    const keys = keysFor(compiled, client);
    let value = input;
    for (const runner of runnersFor(compiled, keys)) value = runner.run(value);
    expect(errorOf(compiled, client, value, samples).error).to.be.lessThan(1e-3);
    const [one] = runnersFor(whole, keys);
    expect(cipherDigest(one?.run(input) ?? input, nodeHashes)).to.equal(cipherDigest(value, nodeHashes));
    const [first, second] = compiled.plan.stages;
    expect(first?.keys.some(({ galois }) => galois === 0)).to.equal(false);
    expect(second?.keys.every(({ level }) => level <= (second?.levelIn ?? 0))).to.equal(true);
    expect([first?.levelIn, first?.levelOut, second?.levelIn, second?.levelOut]).to.deep.equal([5, 4, 4, 2]);
  });

  it("behavior: one digest everywhere for known keys and input", () => {
    const { compiled, keys, input } = knownRun();
    const [runner] = runnersFor(compiled, keys);
    for (let i = 0; i < 2; i++) expect(shortDigest(runner?.run(input) ?? input)).to.equal(KNOWN_DIGEST);
    const objects = (compiled.weights[0] ?? []).map((_, i) => runner?.weightObject(i) ?? input);
    expect(objectsRoot(objects, nodeHashes).slice(0, 18)).to.equal("0xf9dff0f91f9c4204");
  });

  it("behavior: the plan of 784-128-10 and of the convolution have the sizes and levels of the design", () => {
    const rng = new Prng(3);
    const program = polyPerceptron([784, 128, 10], rng, 0);
    const { plan, weights } = compilePlan(program, { calibration: [randomInput(program, rng)] });
    expect(
      plan.stages[0]?.steps.map((step) => (step.kind === "linear" ? [step.babies, step.giants] : [])),
    ).to.deep.equal([[8, 4], [], [1, 1]]);
    const sizes = planSizes(plan, weights.flat().length);
    expect([sizes.inputBytes, sizes.outputBytes, sizes.keyBytes]).to.deep.equal([163_904, 131_104, 12_387_392]);
    expect(jobKeys(plan).length).to.equal(17);
    // Where a stage's keys have a limit, fewer baby steps are taken: slower, and no more than the limit asks for.
    const least = (stageKeyBytes: number) => {
      const { plan: slower } = compilePlan(program, { calibration: [randomInput(program, rng)], stageKeyBytes });
      const [first] = slower.stages[0]?.steps ?? [];
      return [first?.kind === "linear" ? first.babies : 0, keyBytesOf(slower.stages[0]?.keys ?? [], slower.profile)];
    };
    const [[some, few], [none, fewest]] = [least(10 << 20), least(0)] as [[number, number], [number, number]];
    expect([some, none]).to.deep.equal([4, 1]);
    expect(few).to.be.at.most(10 << 20);
    expect(fewest).to.be.lessThan(few);
  });

  it("error: KEY_MISSING for each key left out, LEVEL_MISMATCH for another level's ciphertext", async () => {
    const rng = new Prng(4);
    const program = polyPerceptron([3, 4, 1], rng);
    const compiled = compilePlan(program, { calibration: calibrate(program, rng), profile: sheProfile(1) });
    const client = clientFor(compiled);
    const keys = keysFor(compiled, client);
    const [runner] = runnersFor(compiled, keys);
    for (const left of keys)
      await expectCode("KEY_MISSING", () => runner?.loadKeys(keys.filter((key) => key !== left)));
    const input = encryptFor(compiled, client, [randomInput(program, rng)]);
    await expectCode("LEVEL_MISMATCH", () =>
      runner?.run({ header: { ...input.header, level: 2 }, rows: input.rows.subarray(0, 4 * 8192) }),
    );
  });

  it("error: what fits no profile is refused, by depth, width and range", async () => {
    const rng = new Prng(5);
    const deep = polyPerceptron([4, 4, 4, 4, 4], rng);
    await expectCode("PROGRAM_TOO_DEEP", () => compilePlan(deep, { calibration: calibrate(deep, rng) }));
    const shallow = polyPerceptron([4, 3, 2], rng);
    await expectCode("PROGRAM_TOO_DEEP", () =>
      compilePlan(shallow, { calibration: calibrate(shallow, rng), profile: sheProfile(4) }),
    );
    const wide = polyPerceptron([9000, 2], rng);
    await expectCode("PROGRAM_TOO_LARGE", () => compilePlan(wide, { calibration: [randomInput(wide, rng)] }));
    const batch = polyPerceptron([40, 2], rng);
    const calibration = calibrate(batch, rng);
    await expectCode("PROGRAM_TOO_LARGE", () => compilePlan(batch, { calibration, interleave: 512 }));
    await expectCode("PROGRAM_TOO_LARGE", () => compilePlan(batch, { calibration, interleave: 3 }));
    await expectCode("PROGRAM_TOO_LARGE", () => compilePlan(batch, { calibration: [] }));
    // Inputs that calibration calls tiny make scales under which large ones wrap.
    const three = polyPerceptron([64, 64, 64, 2], rng);
    await expectCode("PROGRAM_TOO_LARGE", () =>
      compilePlan(three, { calibration: [Array.from({ length: 64 }, () => 0)] }),
    );
  }).timeout(30_000);

  it("R40: whatever inputs scales were chosen by, a program is refused or the largest inputs do not wrap", () => {
    const rng = new Prng(61);
    const program = polyPerceptron([32, 32, 16, 2], rng);
    const layers = readProgram(program);
    const [first] = layers.layers;
    // Signs of one row of weights: the largest value that the first layer can have, of both signs.
    const extremes = [1, -1].map((sign) =>
      Array.from({ length: 32 }, (_, i) => {
        if (first?.kind !== "linear") return 0;
        const row = first.map.rows[3];
        return sign * 127 * Math.sign(row?.weights[row.columns.indexOf(i)] ?? 0);
      }),
    );
    let [refused, largest] = [0, 0];
    for (const magnitude of [0, 30, 127]) {
      let compiled;
      try {
        compiled = compilePlan(program, { calibration: [Array.from({ length: 32 }, () => magnitude)] });
      } catch (error) {
        expect((error as { code?: string }).code).to.equal("PROGRAM_TOO_LARGE");
        refused++;
        continue;
      }
      const client = clientFor(compiled);
      const [runner] = runnersFor(compiled, keysFor(compiled, client));
      for (const input of extremes) {
        const output = runner?.run(encryptFor(compiled, client, [input])) ?? expect.fail();
        const { error, largest: value } = errorOf(compiled, client, output, [input]);
        // A wrap would be off by the modulus: 2^30 in slots.
        expect(error).to.be.lessThan(2 ** 12);
        largest = Math.max(largest, value);
      }
    }
    expect(refused).to.be.at.least(1);
    expect(largest).to.be.greaterThan(100);
  }).timeout(60_000);

  it("behavior: the LoLa-shaped convolution, encrypted, on P14-5", function () {
    if (process.env["ASSAY_DEEP"] !== "1") this.skip(); // five seconds, and bench/she.ts runs it too
    const rng = new Prng(6);
    const program = polyConvolution(rng);
    const compiled = compilePlan(program, { calibration: calibrate(program, rng) });
    const client = clientFor(compiled);
    const [runner] = runnersFor(compiled, keysFor(compiled, client));
    const input = randomInput(program, rng);
    const output = runner?.run(encryptFor(compiled, client, [input]));
    expect(output === undefined ? 1 : errorOf(compiled, client, output, [input]).error).to.be.lessThan(1e-3);
  }).timeout(60_000);
});
