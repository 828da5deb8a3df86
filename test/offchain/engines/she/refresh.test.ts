// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import { prepareInput } from "../../../../offchain/core/program/preprocess.ts";
import { cipherDigest } from "../../../../offchain/core/she/digest.ts";
import { decodeSheObject, encodeSheObject } from "../../../../offchain/core/she/object.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { takeRows } from "../../../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../../../offchain/engines/program/run-model.ts";
import { MemoryKeyLedger } from "../../../../offchain/engines/she/client/key-ledger.ts";
import { LinearCheck } from "../../../../offchain/engines/she/client/linear-check.ts";
import { RefreshSession } from "../../../../offchain/engines/she/client/refresh-session.ts";
import { jobKeys, unpackSlots } from "../../../../offchain/engines/she/compile/plan.ts";
import { compileRefresh, type RefreshStage } from "../../../../offchain/engines/she/compile/refresh-plan.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import type { StageRunner } from "../../../../offchain/engines/she/evaluator/stage-runner.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor, keysFor, runnersFor } from "../../../support/she/encrypted-run.ts";
import { polyPerceptron } from "../../../support/she/toy-programs.ts";

const isDeep = process.env["ASSAY_DEEP"] === "1";
const osRandom = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const folder = new URL("../../../../models/digits-mlp", import.meta.url).pathname;
const JOB: Hex = `0x${"cd".repeat(32)}`;

/** The map's accumulators, exactly. */
const accumulate = ({ map }: RefreshStage, x: ArrayLike<number>): number[] =>
  map.rows.map(({ columns, weights }, o) =>
    columns.reduce((sum, column, k) => sum + (weights[k] ?? 0) * (x[column] ?? 0), Number(map.bias[o] ?? 0n)),
  );

describe("refresh mode", () => {
  let model: Awaited<ReturnType<typeof loadModel>>;
  let stages: RefreshStage[];
  let client: ReturnType<typeof clientFor>;
  let runners: StageRunner[];
  let final: Hex | undefined;

  before(async () => {
    model = await loadModel(folder);
    stages = compileRefresh(model.stages[0]?.program ?? expect.fail("no stage"));
    const [first] = stages;
    client = clientFor(first?.compiled ?? expect.fail("no stage"));
    runners = stages.flatMap(({ compiled }) => runnersFor(compiled, keysFor(compiled, client)));
  });

  const evaluate = (stage: number, input: Uint8Array): Uint8Array => {
    const output = runners[stage]?.run(decodeSheObject(input, nodeHashes)) ?? expect.fail("nothing ran");
    final = cipherDigest(output, nodeHashes);
    return encodeSheObject(output);
  };
  const sessionOf = (ledger = new MemoryKeyLedger(), checks?: readonly LinearCheck[]) =>
    new RefreshSession({
      client,
      stages,
      finality: { finalDigestOf: async () => final },
      ledger,
      hashes: nodeHashes,
      ...(checks && { checks }),
    });

  it("R43: digits-mlp with its ReLU, held-out digits, gives the integer program's result bit for bit", async () => {
    const count = isDeep ? 200 : 5;
    const recipe = await readRecipe(folder);
    const { features } = takeRows(await readDataset(folder, recipe.evaluation), count);
    const input = prepareInput(model.preprocess, features);
    const { output } = await runModel(model, input, createReferenceExecutor());
    const checks = stages.map(({ map }) => LinearCheck.prepare(map, osRandom));
    const session = sessionOf(new MemoryKeyLedger(), checks);
    for (let row = 0; row < count; row++) {
      let x: ArrayLike<number> = Array.from(input.data.subarray(row * 784, (row + 1) * 784), Number);
      for (const index of stages.keys())
        x = await session.finish(index, x, JOB, evaluate(index, await session.encrypt(index, x)));
      const exact = Array.from(output.data.subarray(row * 10, (row + 1) * 10), Number);
      expect(Array.from(x)).to.deep.equal(exact);
    }
  }).timeout(300_000);

  it("R43: accumulators are exact, for random and for the largest inputs", () => {
    const rng = new Prng(90);
    const runs = isDeep ? 800 : 6; // 128 accumulators each: 10^5 in the deep run
    const [stage] = stages;
    if (stage === undefined) return expect.fail("no stage");
    const { plan } = stage.compiled;
    expect([plan.profile.name, plan.stages[0]?.levelIn, plan.stages[0]?.levelOut]).to.deep.equal(["P13-R", 4, 2]);
    let largest = 0;
    for (let run = 0; run < runs; run++) {
      const row = stage.map.rows[run % 128];
      const x = Array.from({ length: 784 }, (_, i) =>
        run % 2 === 0 ? rng.int(0, 127) : (row?.weights[row.columns.indexOf(i)] ?? 0) > 0 ? 127 : 0,
      );
      const slots = Float64Array.from({ length: 4096 }, (_, s) => {
        const index = plan.slotMap[s] ?? -1;
        return index < 0 ? 0 : (x[index] ?? 0) / plan.inputScale;
      });
      const output = evaluate(0, client.encrypt(slots, 2 ** 45, 4));
      const [seen = []] = unpackSlots(plan, client.decryptUnchecked(output, 2 ** 45), 1);
      for (const [o, y] of accumulate(stage, x).entries()) largest = Math.max(largest, Math.abs(y - (seen[o] ?? NaN)));
    }
    if (isDeep) process.stderr.write(`P13-R: largest error ${largest} of an accumulator, ${128 * runs} accumulators\n`);
    expect(largest).to.be.lessThan(1 / 4);
    return undefined;
  }).timeout(300_000);

  it("behavior: keys of a stage's profile, sizes of the design", () => {
    const bytes = stages.map(({ compiled: { plan } }) =>
      jobKeys(plan).reduce((sum, { level }) => sum + 64 + level * (level + 1) * 32_768, 0),
    );
    expect(bytes[0]).to.be.lessThan(8_000_000);
    expect(sheProfile(4).boundaryScaleBits).to.equal(45);
  });

  it("error: CHECK_FAILED retires the keys first: one accumulator off by one, in 1,000 places, is found", async () => {
    const [stage] = stages;
    if (stage === undefined) return expect.fail("no stage");
    const rng = new Prng(17);
    const check = LinearCheck.prepare(stage.map, osRandom);
    const x = Array.from({ length: 784 }, () => rng.int(0, 127));
    const y = accumulate(stage, x);
    expect(check.holds(x, y)).to.equal(true);
    for (let i = 0; i < 1000; i++) {
      const wrong = y.slice();
      const at = rng.int(0, 127);
      wrong[at] = (wrong[at] ?? 0) + rng.pick([1, -1, 1000, -70_000]);
      expect(check.holds(x, wrong)).to.equal(false);
    }
    const other = x.slice();
    other[5] = (other[5] ?? 0) + 1;
    for (const [a, b] of [
      [x, y.slice(1)],
      [x.slice(1), y],
      [[...x, 0], y],
      [x, y.map((value) => value + 0.5)],
      [x.map(() => Number.NaN), y],
      [x, y.map(() => 2 ** 60)],
    ] as const)
      expect(check.holds(a, b)).to.equal(false);

    // A worker with other weights than the model's, whose committee agreed with it.
    const ledger = new MemoryKeyLedger();
    const session = sessionOf(ledger, [check]);
    const output = evaluate(0, await session.encrypt(0, x));
    await session.finish(0, x, JOB, output);
    const claimed = x.slice();
    claimed[stage.map.rows[0]?.columns[0] ?? 0] = 126;
    const states: unknown[] = [];
    const watched = sessionOf(
      Object.assign(new MemoryKeyLedger(), {
        save: async (state: unknown) => {
          states.push(state);
        },
      }),
      [check],
    );
    await expectCode("CHECK_FAILED", () => watched.finish(0, claimed, JOB, output));
    expect(states).to.deep.equal([{ released: 0, retired: "check failed" }]);
    return undefined;
  }).timeout(60_000);

  it("error: NOT_FINAL: an intermediate result is not refreshed before its own job is final", async () => {
    const session = sessionOf();
    const output = evaluate(0, await session.encrypt(0, new Int8Array(784)));
    const other = evaluate(0, await session.encrypt(0, new Int8Array(784)));
    await expectCode("NOT_FINAL", () => session.finish(0, new Int8Array(784), JOB, output));
    final = undefined;
    await expectCode("NOT_FINAL", () => session.finish(0, new Int8Array(784), JOB, other));
    await expectCode("NO_SAMPLE", () => session.encrypt(7, new Int8Array(784)));
  });

  it("error: PROGRAM_UNSUPPORTED, PROGRAM_TOO_LARGE for what no refresh runs exactly", async () => {
    await expectCode("PROGRAM_UNSUPPORTED", () => compileRefresh(polyPerceptron([4, 3, 2], new Prng(1))));
    const program = model.stages[0]?.program ?? expect.fail("no stage");
    const [first, ...rest] = program.ops;
    if (first?.kind !== "dense") return expect.fail("not dense");
    // Sums that noise could move by more than a quarter.
    const wide = { ...first, weights: first.weights.map(() => 127), bias: first.bias.map(() => 0n) };
    await expectCode("PROGRAM_TOO_LARGE", () => compileRefresh({ ...program, ops: [wide, ...rest] }));
    const transformer = await loadModel(folder.replace("digits-mlp", "mail-transformer"));
    await expectCode("PROGRAM_UNSUPPORTED", () =>
      compileRefresh(transformer.stages[0]?.program ?? expect.fail("no stage")),
    );
    return undefined;
  });
});
