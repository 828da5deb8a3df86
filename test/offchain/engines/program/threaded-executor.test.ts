// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import { loadStage } from "../../../../offchain/engines/program/executor.ts";
import { runReference } from "../../../../offchain/engines/program/reference-executor.ts";
import { createThreadedExecutor } from "../../../../offchain/engines/program/threaded-executor.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Random, randomInputs, randomProgram } from "../../../support/random-program.ts";

const stageOf = (seed: number) => loadStage(encodeProgram(randomProgram(new Random(seed))));

describe("createThreadedExecutor", () => {
  it("behavior: the caller's thread stays free while a stage is computed", async () => {
    const executor = createThreadedExecutor();
    const stage = stageOf(41);
    await executor.warm(stage);
    const inputs = randomInputs(new Random(2), stage.program, 512);
    const expected = runReference(stage, inputs);
    expect(await executor.run(stage, inputs)).to.deep.equal(expected);
    // Processor time, not turns or milliseconds: those are another thing on a machine that is busy.
    const [own, all] = [process.threadCpuUsage(), process.cpuUsage()];
    for (let i = 0; i < 40; i++) await executor.run(stage, inputs);
    const [here, everywhere] = [process.threadCpuUsage(own), process.cpuUsage(all)];
    // Copying is a tenth of the work. Computed here, at least three quarters would be this thread's.
    expect((here.user + here.system) / (everywhere.user + everywhere.system)).to.be.below(0.4);
    await executor.close();
  });

  it("behavior: a view of something larger is computed as what it shows, and stays the caller's", async () => {
    const executor = createThreadedExecutor();
    const stage = stageOf(43);
    const inputs = randomInputs(new Random(3), stage.program, 2);
    const views = inputs.map((input) => {
      const room = new Int8Array(input.data.length + 64);
      room.set(input.data, 32);
      return { ...input, data: room.subarray(32, 32 + input.data.length) };
    });
    expect(await executor.run(stage, views)).to.deep.equal(runReference(stage, inputs));
    expect(views.map(({ data }) => [...data])).to.deep.equal(inputs.map(({ data }) => [...data]));
    await executor.close();
  });

  it("behavior: a closed one ends its thread, and what is asked afterwards begins another", async () => {
    const executor = createThreadedExecutor();
    const stage = stageOf(45);
    const inputs = randomInputs(new Random(4), stage.program, 1);
    const first = executor.run(stage, inputs);
    expect(await first).to.deep.equal(runReference(stage, inputs));
    await executor.close();
    await executor.close();
    expect(await executor.run(stage, inputs)).to.deep.equal(await first);
    await executor.close();
  });

  it("error: EXECUTION_FAILED, not a crash, for a stage that cannot be computed; the next call has a thread again", async () => {
    const executor = createThreadedExecutor();
    const stage = stageOf(47);
    const inputs = randomInputs(new Random(5), stage.program, 1);
    const broken = { ...stage, program: { ...stage.program, output: 9_999 } };
    await expectCode("EXECUTION_FAILED", () => executor.run(broken, inputs));
    expect(await executor.run(stage, inputs)).to.deep.equal(runReference(stage, inputs));
    await executor.close();
  });
});
