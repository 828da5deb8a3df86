// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import { hasAccumulator, type Program } from "../../../../offchain/core/program/types.ts";
import { loadStage, type ProgramExecutor } from "../../../../offchain/engines/program/executor.ts";
import { createOnnxExecutor } from "../../../../offchain/engines/program/onnx-executor.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { randomBlock } from "../../../support/random-block.ts";
import { Random, randomInputs, randomPolynomial, randomProgram } from "../../../support/random-program.ts";

const deep = process.env["ASSAY_DEEP"] === "1";
const RUNS = deep ? 3000 : 160;
const BATCH = 64;

describe("executors", () => {
  const executors: ProgramExecutor[] = [createOnnxExecutor({ threads: 1 }), createOnnxExecutor({ threads: 2 })];
  const reference = createReferenceExecutor();
  let vectors = 0;

  afterEach(async () => {
    await Promise.all(executors.map((executor) => executor.close()));
  });

  async function compare(program: Program, random: Random): Promise<void> {
    const linear = program.ops.flatMap((op, index) => (hasAccumulator(op) ? [index] : []));
    const candidates = program.family === "polynomial" ? linear.slice(0, 1) : linear;
    const bytes = encodeProgram(program);
    const stage = loadStage(bytes, candidates.length === 0 ? null : random.pick(candidates));
    const inputs = randomInputs(random, program, BATCH);
    const expected = await reference.run(stage, inputs);
    for (const executor of executors) {
      const actual = await executor.run(stage, inputs);
      expect(actual, `${executor.name} ${JSON.stringify(program.ops.map((op) => op.kind))}`).to.deep.equal(expected);
      await executor.close();
    }
    vectors += BATCH;
  }

  it("behavior: onnxruntime equals the reference bit for bit on random programs, 1 and 2 threads", async function () {
    this.timeout(deep ? 900_000 : 120_000);
    vectors = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new Random(seed);
        await compare(randomProgram(random), random);
      }),
      { numRuns: RUNS },
    );
    expect(vectors).to.be.at.least(10_000);
  });

  it("behavior: attention, layer norms, forests and argmax are exact on onnxruntime, whatever their tables hold", async function () {
    this.timeout(deep ? 900_000 : 120_000);
    vectors = 0;
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new Random(seed);
        const program = randomBlock(random);
        for (const { kind } of program.ops) kinds.add(kind);
        await compare(program, random);
      }),
      { numRuns: RUNS },
    );
    expect(vectors).to.be.at.least(10_000);
    expect([...kinds]).to.include.members(["matmul", "softmax", "layerNorm", "forest", "argmax"]);
  });

  it("behavior: polynomial programs are exact, within and beyond 2^53", async function () {
    this.timeout(deep ? 300_000 : 60_000);
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 0, max: 2 }), async (seed, squares) => {
        const random = new Random(seed);
        await compare(randomPolynomial(random, squares), random);
      }),
      { numRuns: deep ? 500 : 40 },
    );
  });
});
