// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { interpretOutput, prepareInput } from "../../../../offchain/core/program/preprocess.ts";
import { MAX_STAGE_KEY_BYTES } from "../../../../offchain/core/she/cipher-parcel.ts";
import { encodeSheObject } from "../../../../offchain/core/she/object.ts";
import { takeRows } from "../../../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../../../offchain/engines/program/run-model.ts";
import { finishValues } from "../../../../offchain/engines/she/client/finish-values.ts";
import { compilePlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import { keyBytesOf, unpackSlots } from "../../../../offchain/engines/she/compile/plan.ts";
import { median } from "../../../../scripts/demo/summary.ts";
import { clientFor, encryptFor, errorOf, keysFor, runnersFor, scaleOf } from "../../../support/she/encrypted-run.ts";

const folder = new URL("../../../../models/tumor-poly", import.meta.url).pathname;

function timed<T>(times: number[], run: () => T): T {
  const started = performance.now();
  const value = run();
  times.push(performance.now() - started);
  return value;
}

describe("encrypted zoo", () => {
  it("R39, R40: tumor-poly, all held-out patients in two encrypted batches, answers as the exact program does", async () => {
    const model = await loadModel(folder);
    const recipe = await readRecipe(folder);
    const data = takeRows(await readDataset(folder, recipe.evaluation), 171);
    const input = prepareInput(model.preprocess, data.features);
    const { output } = await runModel(model, input, createReferenceExecutor());
    const exact = interpretOutput(model.output, output);

    const [stage] = model.stages;
    if (stage === undefined) return expect.fail("the model has no stage");
    const samples = Array.from({ length: 171 }, (_, row) =>
      Array.from(input.data.subarray(row * 30, (row + 1) * 30), Number),
    );
    const compiled = compilePlan(stage.program, { calibration: samples.slice(0, 50), interleave: 128 });
    expect(compiled.plan.profile.name).to.equal("P13-3");
    const client = clientFor(compiled);
    const [runner] = runnersFor(compiled, keysFor(compiled, client));
    const accumulators: number[][] = [];
    for (const batch of [samples.slice(0, 128), samples.slice(128)]) {
      const result = runner?.run(encryptFor(compiled, client, batch));
      if (result === undefined) return expect.fail("nothing ran");
      const slots = client.decryptUnchecked(encodeSheObject(result), scaleOf(compiled));
      accumulators.push(...unpackSlots(compiled.plan, slots, batch.length));
    }
    const values = accumulators.flatMap((y) => finishValues(y, compiled.layers.finish));
    const answers = interpretOutput(model.output, { ...output, data: Int32Array.from(values) });
    expect(answers.map(({ index }) => index)).to.deep.equal(exact.map(({ index }) => index));
    const correct = answers.filter(({ index }, i) => index === data.labels[i]).length;
    expect(correct / 171).to.be.at.least(0.95);
    return undefined;
  });

  for (const { name, profile, least, rows } of [
    { name: "digits-mlp-poly", profile: "P13-3", least: 96.5, rows: 12 },
    { name: "digits-cnn-poly", profile: "P14-5", least: 98, rows: 8 },
  ]) {
    it(`R39, R40, R42: ${name}, held-out digits on ciphertexts, answers as the exact program does, within 1e-3`, async () => {
      const digits = new URL(`../../../../models/${name}`, import.meta.url).pathname;
      const model = await loadModel(digits);
      const recipe = await readRecipe(digits);
      const integers = async (file: typeof recipe.evaluation, count: number) => {
        const { features } = takeRows(await readDataset(digits, file), count);
        const { data } = prepareInput(model.preprocess, features);
        return Array.from({ length: count }, (_, row) => Array.from(data.subarray(row * 784, (row + 1) * 784), Number));
      };
      const [stage] = model.stages;
      if (stage === undefined) return expect.fail("the model has no stage");
      // As jobs run it: a second stage behind the first layer, no stage with more keys than a parcel holds.
      const calibration = await integers(recipe.calibration, 50);
      const compiled = compilePlan(stage.program, { calibration, cuts: [0], stageKeyBytes: MAX_STAGE_KEY_BYTES });
      expect(compiled.plan.profile.name).to.equal(profile);
      for (const { keys } of compiled.plan.stages)
        expect(keyBytesOf(keys, compiled.plan.profile)).to.be.at.most(MAX_STAGE_KEY_BYTES);
      const client = clientFor(compiled);
      const runners = runnersFor(compiled, keysFor(compiled, client));
      let [largest, same] = [0, 0];
      const times = runners.map((): number[] => []);
      const samples = await integers(recipe.evaluation, process.env["ASSAY_DEEP"] === "1" ? 1000 : rows);
      for (const sample of samples) {
        const output = runners.reduce(
          (value, runner, i) => timed(times[i] ?? [], () => runner.run(value)),
          encryptFor(compiled, client, [sample]),
        );
        const { error, isSameDecision, margin } = errorOf(compiled, client, output, [sample]);
        [largest, same] = [Math.max(largest, error), same + Number(isSameDecision)];
        expect(error).to.be.lessThan(1e-3);
        expect(isSameDecision || margin < 2e-3).to.equal(true);
      }
      if (process.env["ASSAY_DEEP"] === "1") process.stderr.write(`${name}: error ${largest}, ${same} same\n`);
      for (const [i, { keys }] of compiled.plan.stages.entries()) {
        const mebibytes = (keyBytesOf(keys, compiled.plan.profile) / 2 ** 20).toFixed(1);
        process.stdout.write(`      stage ${i}: ${median(times[i] ?? []).toFixed(1)} ms, keys ${mebibytes} MiB\n`);
      }
      const report = JSON.parse(await readFile(`${digits}/report.json`, "utf8")) as {
        evaluation: { integerPercent: number };
      };
      expect(report.evaluation.integerPercent).to.be.at.least(least);
      return undefined;
    }).timeout(1_800_000);
  }

  it("behavior: the last rounding clamps, and looks up tables", () => {
    const scale = { kind: "scale", dtype: "i32", shifts: [2], lo: -3, hi: 3, table: null } as const;
    expect(finishValues([5.99, 6, -6.01, -1.9, 100, -100], scale)).to.deep.equal([1, 2, -2, 0, 3, -3]);
    const perOutput = { ...scale, shifts: [0, 1], table: Int8Array.from([7, 6, 5, 4, 3, 2, 1]) };
    expect(finishValues([1.2, 4], perOutput)).to.deep.equal([3, 2]);
    expect(finishValues([1.4, -0.2], { kind: "exact" })).to.deep.equal([1, 0]);
  });
});
