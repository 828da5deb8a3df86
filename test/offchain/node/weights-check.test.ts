// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PinoLogger } from "../../../offchain/adapters/observe/pino-logger.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { digestOf } from "../../../offchain/core/digest.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { KIND_PUBLIC, KIND_SALTED } from "../../../offchain/core/types.ts";
import { readOpening, writeOpenings } from "../../../offchain/engines/zk/weights/opening-files.ts";
import { guardedShelf } from "../../../offchain/node/guarded-shelf.ts";
import { KeyChecks } from "../../../offchain/node/key-checks.ts";
import { StageProver } from "../../../offchain/node/stage-prover.ts";
import { reasonWord, SAID_ABSTAIN_WORD } from "../../../offchain/protocol/said.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { placeOpenings, privateModel, type PrivateModel } from "../../support/cluster/private-model.ts";
import { expectCode } from "../../support/expect-code.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { sampleJob } from "../../support/sample-receipt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const BOUNDS = 3;

describe("committed weights of a worker's models", function () {
  this.timeout(120_000);
  const cache = temporaryFolder();
  const lines: string[] = [];
  const logger = PinoLogger.create({ level: "debug", format: "json", write: (line) => void lines.push(line) });
  let honest: PrivateModel;
  /** The program is one thing, the registered commitment another; its opening opens that other. */
  let rigged: PrivateModel;

  before(async () => {
    honest = await privateModel(1, cache, { seed: 1, outKind: KIND_PUBLIC });
    rigged = await privateModel(1, cache, { seed: 1, outKind: KIND_PUBLIC, rigged: 4 });
  });

  const worker = (model: PrivateModel, openings: string, folder: string | null = null) => {
    const { id, manifest, programs } = model;
    const options = { keyFolder: cache, cacheFolder: cache, chainId: 31_337n, memoryMiB: 512, threads: 2 };
    const modules = {
      logger,
      programs: {
        modelIds: [id],
        table: () => manifest.stages,
        program: async (_: string, stage: number) => programs[stage] ?? null,
        folder: () => folder,
      },
    };
    const checks = new KeyChecks({ ...options, openingsFolder: openings }, modules);
    return { checks, prover: new StageProver({ ...options, maxLoad: 1 }, { ...modules, checks }) };
  };
  const placed = (model: PrivateModel, openings = model.openings): string => {
    const folder = temporaryFolder();
    placeOpenings(folder, model.id, openings);
    return folder;
  };
  /** Neither offers a proof nor votes; `code` says why, to its operator. */
  const expectRefused = async (model: PrivateModel, folder: string, state: string, code: string) => {
    const { checks, prover } = worker(model, folder);
    await checks.prepare();
    const checked = await checks.weights.check(model.id, 0);
    expect(checked).to.include({ state });
    expect(checked.opening).to.equal(undefined);
    expect(isAssayError(checked.error) ? checked.error.code : checked.error).to.equal(code);
    expect(prover.canProve(model.id, 0)).to.equal(false);
    expect(prover.mayJudge(model.id, 0)).to.equal(false);
    await expectCode("STAGE_REFUSED", () => checks.assertMayVote(model.id, 0));
    expect(lines.some((line) => line.includes(code))).to.equal(true);
  };

  it("default: what the opening opens is proven, voted on and brought to court", async () => {
    const { checks, prover } = worker(honest, placed(honest));
    expect(prover.canProve(honest.id, 0), "not before it was checked").to.equal(false);
    await prover.prepare();
    expect(prover.canProve(honest.id, 0)).to.equal(true);
    expect(prover.mayJudge(honest.id, 0)).to.equal(true);
    await checks.assertMayVote(honest.id, 0);
  });

  it("behavior: without a folder of openings, each lies in its model's folder", async () => {
    const folder = temporaryFolder();
    writeOpenings(folder, new Map(honest.openings.entries()));
    const { checks } = worker(honest, "", folder);
    expect(await checks.weights.check(honest.id, 0)).to.include({ state: "opened" });
    expect(await worker(honest, "").checks.weights.check(honest.id, 0)).to.include({ state: "unknown" });
  });

  it("R24: WEIGHTS_UNOPENED for a rigged commitment, another blind, another's opening, a blind that is none", async () => {
    await expectRefused(rigged, placed(rigged), "refused", "WEIGHTS_UNOPENED");
    const [opening] = honest.openings;
    if (opening === undefined) throw new TypeError("no opening");
    const blind = opening.blind.slice();
    blind[0] = (blind[0] ?? 0) ^ 1;
    await expectRefused(honest, placed(honest, [{ ...opening, blind }]), "refused", "WEIGHTS_UNOPENED");
    const beyond = new Uint8Array(32).fill(0xff);
    await expectRefused(honest, placed(honest, [{ ...opening, blind: beyond }]), "refused", "WEIGHTS_UNOPENED");
    await expectRefused(honest, placed(honest, rigged.openings), "refused", "WEIGHTS_UNOPENED");
  });

  it("error: OPENING_MISSING, OPENING_INVALID for a file that is short or that others may read", async () => {
    await expectRefused(honest, temporaryFolder(), "unknown", "OPENING_MISSING");
    const folder = placed(honest);
    const file = join(folder, honest.id, "0.opening");
    const bytes = readFileSync(file);
    chmodSync(file, 0o640);
    await expectRefused(honest, folder, "unknown", "OPENING_INVALID");
    chmodSync(file, 0o600);
    writeFileSync(file, bytes.subarray(1));
    await expectRefused(honest, folder, "unknown", "OPENING_INVALID");
    await expectCode("OPENING_INVALID", () => readOpening(folder));
    rmSync(file);
    expect(existsSync(file)).to.equal(false);
    expect(readOpening(file)).to.equal(undefined);
  });

  it("behavior: votes of which no proof is heard need no opening, yet never one that failed", async () => {
    const salted = await privateModel(1, cache, { seed: 1, outKind: KIND_SALTED });
    await worker(salted, temporaryFolder()).checks.assertMayVote(salted.id, 0);
    const bad = worker(salted, placed(salted, honest.openings)).checks;
    await expectCode("STAGE_REFUSED", () => bad.assertMayVote(salted.id, 0));
  });

  it("behavior: a seat of a refused stage abstains with reason 3, before it has run anything", async () => {
    const { checks } = worker(rigged, placed(rigged));
    const shelf = { has: () => true, exposure: () => [], table: () => rigged.manifest.stages, stage: async () => null };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, guardedShelf(shelf, checks), new ManualClock());
    const job = `0x${"aa".repeat(32)}` as const;
    const tensor = encodeTensor({ dtype: "i8", dims: [1, 4], data: Int8Array.of(1, 2, 3, 4) });
    const salts = [{ boundary: JOB_INPUT, salt: new Uint8Array(31) }];
    work.accept(job, 0, encodeSealedInput({ stage: 0, salts, tensors: [{ boundary: JOB_INPUT, tensor }] }));
    expect(work.inputDigest(job, rigged.manifest.stages[0] as never, rigged.manifest.stages)).to.equal(
      digestOf(KIND_SALTED, tensor, new Uint8Array(31)),
    );
    const spec = { ...sampleJob(rigged.manifest, 3).spec, modelId: rigged.id };
    const vote = await work.run(job, spec, 0, rigged.manifest.stages, new AbortController().signal);
    expect(vote).to.deep.equal({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(BOUNDS) });
  });

  it("behavior: no log holds a blind", () => {
    const text = lines.join("\n");
    expect(text).to.include("weights.refused").and.to.include("weights.opened");
    for (const { blind } of [...honest.openings, ...rigged.openings])
      for (const form of [blind, blind.toReversed()]) {
        expect(text.includes(Buffer.from(form).toString("hex").slice(2, -2))).to.equal(false);
        expect(text.includes([...form].slice(1, -1).join())).to.equal(false);
      }
  });
});
