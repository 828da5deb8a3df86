// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import { loadStage, type LoadedStage, type ProgramExecutor } from "../../offchain/engines/program/executor.ts";
import { runReference } from "../../offchain/engines/program/reference-executor.ts";
import { expectCode } from "../support/expect-code.ts";
import { Random, randomInputs, randomPolynomial, randomProgram } from "../support/random-program.ts";

/** What every executor promises, whatever it computes with. */
export function programExecutorCompliance(name: string, make: (maxBatch?: number) => ProgramExecutor): void {
  describe(`${name} as a ProgramExecutor`, () => {
    let executor: ProgramExecutor;
    beforeEach(() => {
      executor = make();
    });
    afterEach(() => executor.close());

    const stageOf = (seed: number): LoadedStage => {
      const random = new Random(seed);
      return loadStage(encodeProgram(seed % 4 === 0 ? randomPolynomial(random, 1) : randomProgram(random)));
    };

    it("default: the result is the reference's, for any batch size, warm or cold, and inputs are left alone", async () => {
      for (let seed = 40; seed < 60; seed++) {
        const stage = stageOf(seed);
        if (seed % 2 === 0) await executor.warm(stage);
        for (const batch of [1, 2, 17]) {
          const inputs = randomInputs(new Random(seed), stage.program, batch);
          const before = inputs.map(({ data }) => data.slice());
          expect(await executor.run(stage, inputs)).to.deep.equal(runReference(stage, inputs));
          expect(inputs.map(({ data }) => data)).to.deep.equal(before);
        }
      }
    });

    it("behavior: a row's result does not depend on the other rows of its batch", async () => {
      const stage = stageOf(41);
      const inputs = randomInputs(new Random(9), stage.program, 8);
      const whole = (await executor.run(stage, inputs)).outputs[0]?.data;
      const width = (whole?.length ?? 0) / 8;
      for (let row = 0; row < 8; row++) {
        const single = inputs.map(({ dtype, dims, data }) => {
          const size = data.length / 8;
          return { dtype, dims: [1, ...dims.slice(1)], data: data.slice(row * size, (row + 1) * size) };
        });
        const alone = (await executor.run(stage, single)).outputs[0]?.data;
        expect(alone).to.deep.equal(whole?.slice(row * width, (row + 1) * width));
      }
    });

    it("behavior: runs at the same time, of one stage and of several, do not disturb each other", async () => {
      const stages = [61, 62, 63].map(stageOf);
      const runs = Array.from({ length: 30 }, (_, i) => {
        const stage = stages[i % 3] ?? stageOf(61);
        return { stage, inputs: randomInputs(new Random(i), stage.program, 4 + (i % 5)) };
      });
      const results = await Promise.all(runs.map(({ stage, inputs }) => executor.run(stage, inputs)));
      results.forEach((result, i) => {
        const { stage, inputs } = runs[i] ?? { stage: stageOf(61), inputs: [] };
        expect(result).to.deep.equal(runReference(stage, inputs));
      });
    });

    it("error: INPUT_COUNT, INPUT_SHAPE, INPUT_RANGE, BATCH_TOO_LARGE before anything is computed", async () => {
      const stage = stageOf(44);
      const [input] = randomInputs(new Random(1), stage.program, 4);
      if (input === undefined) expect.fail("no input");
      await expectCode("INPUT_COUNT", () => executor.run(stage, []));
      await expectCode("INPUT_SHAPE", () => executor.run(stage, [{ ...input, dims: input.dims.slice(1) }]));
      await expectCode("INPUT_SHAPE", () => executor.run(stage, [{ ...input, data: new Int8Array(1) }]));
      await expectCode("INPUT_RANGE", () =>
        executor.run(stage, [{ ...input, data: new Int8Array(input.data.length).fill(-128) }]),
      );
      const tight = make(3);
      await expectCode("BATCH_TOO_LARGE", () => tight.run(stage, [input]));
      await tight.close();
    });

    it("behavior: a closed executor opens again on the next run", async () => {
      const stage = stageOf(45);
      const inputs = randomInputs(new Random(2), stage.program, 2);
      const first = await executor.run(stage, inputs);
      await executor.close();
      expect(await executor.run(stage, inputs)).to.deep.equal(first);
    });
  });
}
