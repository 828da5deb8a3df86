// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, utf8 } from "../../../../offchain/core/bytes.ts";
import { keccak256 } from "../../../../offchain/core/keccak.ts";
import { encodeManifestFile, hashJson, type StageHints } from "../../../../offchain/core/manifest.ts";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import {
  encodeLeakageReport,
  LEAKAGE_WARNING,
  type LeakageReport,
} from "../../../../offchain/core/planning/leakage-report.ts";
import { boundaryLeakage, joinStages } from "../../../../offchain/engines/program/join-stages.ts";
import { readFile } from "node:fs/promises";
import { prepareInput } from "../../../../offchain/core/program/preprocess.ts";
import {
  KIND_BLINDED,
  KIND_SALTED,
  NO_PROBE,
  OPTIMISTIC,
  PRODUCER_INPUT,
  PROOF,
  VOTE,
  ZERO_BYTES32,
  type StageInfo,
} from "../../../../offchain/core/types.ts";
import { takeRows, type Dataset } from "../../../../offchain/engines/program/dataset.ts";
import { importFolder, readDataset, readRecipe } from "../../../../offchain/engines/program/import-folder.ts";
import { importModel } from "../../../../offchain/engines/program/import-model.ts";
import { inspectModel } from "../../../../offchain/engines/program/inspect.ts";
import { loadModel } from "../../../../offchain/engines/program/load-program.ts";
import { createOnnxExecutor, createSession } from "../../../../offchain/engines/program/onnx-executor.ts";
import type { Recipe } from "../../../../offchain/engines/program/recipe.ts";
import type { ProvableStage, StageKeyMaker } from "../../../../offchain/engines/program/stage-keys.ts";
import { keyIdOf } from "../../../../offchain/core/zk/key-record.ts";
import { runModel } from "../../../../offchain/engines/program/run-model.ts";
import { buildOnnx } from "../../../support/build-onnx.ts";
import { expectCode } from "../../../support/expect-code.ts";

const folder = new URL("../../../../models/digits-cnn", import.meta.url).pathname;

describe("importModel", () => {
  let [onnx, recipe]: [Uint8Array, Recipe | null] = [new Uint8Array(), null];
  let [calibration, evaluation]: [Dataset | null, Dataset | null] = [null, null];
  before(async () => {
    onnx = new Uint8Array(await readFile(`${folder}/model.onnx`));
    recipe = { ...(await readRecipe(folder)), proofs: undefined, acceptedPolicies: [VOTE] };
    calibration = takeRows(await readDataset(folder, recipe.calibration), 200);
    evaluation = takeRows(await readDataset(folder, recipe.evaluation), 100);
  });
  const run = async (
    change: Partial<Recipe>,
    onProgress: (step: string) => void = () => {},
    keyMaker?: StageKeyMaker,
  ) => {
    if (recipe === null || calibration === null || evaluation === null) expect.fail("no data");
    const options = keyMaker === undefined ? { onProgress } : { onProgress, keyMaker };
    return importModel({ onnx, recipe: { ...recipe, ...change }, calibration, evaluation }, options);
  };

  it("behavior: keys go into the stage table, with a commitment where weights are private", async function () {
    this.timeout(60_000);
    const record = (await loadModel(folder)).keys[0];
    if (record === null || record === undefined) expect.fail("the folder has no key record");
    const asked: ProvableStage[] = [];
    const commitment = { x: `0x${"01".repeat(32)}`, y: `0x${"02".repeat(32)}` } as const;
    const make = async (weights: "public" | "private") =>
      run({ proofs: { weights }, acceptedPolicies: [VOTE, PROOF] }, undefined, async (stage) => {
        asked.push(stage);
        return { record, commitment: weights === "private" ? commitment : null };
      });
    const open = await make("public");
    const hidden = await make("private");
    expect(asked.map(({ stage, weights, inKinds, outKind }) => [stage, weights, inKinds, outKind])).to.deep.equal([
      [0, "public", ["SALTED"], "SALTED"],
      [0, "private", ["SALTED"], "SALTED"],
    ]);
    expect(open.keys).to.deep.equal([record]);
    expect(open.model.stages[0]).to.include({ keyId: keyIdOf(record), weightsX: ZERO_BYTES32 });
    expect(hidden.model.stages[0]).to.include({ weightsX: commitment.x, weightsY: commitment.y });
    expect(hidden.model.weightsHash).to.not.equal(open.model.weightsHash);
    expect(open.model.acceptedMasks).to.equal((1 << VOTE) | (1 << PROOF));
    expect(asked.map(({ linearCheck }) => linearCheck)).to.deep.equal([false, false]);
    await run({ proofs: { weights: "private", linearCheck: true } }, undefined, async (stage) => {
      asked.push(stage);
      return { record, commitment };
    });
    expect(asked.at(-1)).to.include({ weights: "private", linearCheck: true });
    const maker: StageKeyMaker = async () => expect.fail("a recipe that contradicts itself reached the key maker");
    await expectCode("MODEL_FILE_INVALID", async () =>
      run({ proofs: { weights: "public", linearCheck: true } }, undefined, maker),
    );
    await expectCode("MODEL_FILE_INVALID", async () =>
      run({ proofs: { weights: "private", linearCheck: true }, digest: "PUBLIC" }, undefined, maker),
    );
  });

  it("R46: the client's stages are chains around the network's, unvoted and unpaid", async function () {
    this.timeout(180_000);
    const stages = ["conv2", "dense1", "dense2"];
    const plain = await run({ stages, digest: "BLINDED", client: { first: 0, last: 1 } });
    const split = await run({ stages, digest: "BLINDED", client: { first: 1, last: 1 } });
    expect(split.model.stages.map(({ place }) => place)).to.deep.equal([1, 0, 0, 1]);
    expect(split.model.stages.at(-1)?.probe).to.equal(NO_PROBE);
    expect(split.model.programRoot).to.equal(plain.model.programRoot);
    expect(split.model.stages.map(({ kernel }) => kernel)).to.deep.equal(
      plain.model.stages.map(({ kernel }) => kernel),
    );
    // dense 400-120 and 120-84, in thousands begun.
    expect(split.model.workUnits).to.equal(59n);
    await expectCode("MODEL_FILE_INVALID", async () =>
      run({ stages, digest: "PUBLIC", client: { first: 1, last: 1 } }),
    );
    await expectCode("CUT_INVALID", async () => run({ stages, digest: "BLINDED", client: { first: 2, last: 2 } }));
  });

  it("R50: a masked model is two lanes over one program, paid for their own work; what contradicts that is refused", async function () {
    this.timeout(60_000);
    const wish = { digest: "BLINDED", masked: true } as const;
    const masked = await run(wish);
    const [a, b] = masked.model.stages;
    expect(masked.model.stages).to.have.length(2);
    expect(a).to.deep.equal(b);
    expect(a).to.include({ inKind: KIND_BLINDED, outKind: KIND_BLINDED, probe: NO_PROBE });
    expect(a?.producers).to.deep.equal([PRODUCER_INPUT]);
    const loaded = await loadModel({ ...masked.files });
    expect(loaded.isMasked).to.equal(true);
    expect(joinStages(loaded).program).to.deep.equal(loaded.stages[0]?.program);
    // The first convolution, 6 of 5x5 at 14x14 places, on four digit planes, in thousands begun; not the whole network's 276.
    const { macs, outDtype, outDims } = loaded.manifest.tools.stages[0] ?? {};
    expect(outDtype).to.equal("u32-mod");
    expect(masked.model.workUnits).to.equal(BigInt(Math.ceil((macs ?? 0) / 1000)));
    expect(outDims).to.have.length(3);
    for (const wrong of [
      { digest: "SALTED" },
      { stages: ["conv2"] },
      { acceptedPolicies: [VOTE, OPTIMISTIC] },
    ] as const)
      await expectCode("MODEL_FILE_INVALID", async () => run({ ...wish, ...wrong } as Partial<Recipe>));
    const forge = async (change: Partial<StageInfo>, hints: Partial<StageHints> = {}) => {
      const { model, tools } = loaded.manifest;
      const [first, second] = model.stages as [StageInfo, StageInfo];
      const [own, other] = tools.stages as [StageHints, StageHints];
      const record = { ...tools, stages: [own, { ...other, ...hints }] };
      const stages = [first, { ...second, ...change }];
      const json = encodeManifestFile({ ...model, stages, toolsHash: toHex(hashJson(record)) }, record);
      return loadModel({ ...masked.files, "manifest.json": utf8(json) });
    };
    await expectCode("MODEL_FILE_INVALID", async () => forge({ outKind: KIND_SALTED }));
    await expectCode("MODEL_FILE_INVALID", async () => forge({}, { outDtype: "i8" }));
    await expectCode("MODEL_FILE_INVALID", async () => forge({}, { outDims: [10] }));
    await expectCode("MODEL_HASH_MISMATCH", async () => forge({ kernel: ZERO_BYTES32 }));
  });

  it("R4 R51: behavior: a leakage report of this program is part of the model id; another's, or an unpinned one, is not", async function () {
    this.timeout(60_000);
    if (recipe === null || calibration === null || evaluation === null) expect.fail("no data");
    const parts = { onnx, recipe, calibration, evaluation };
    const plain = await importModel(parts);
    const whole = await loadModel({ ...plain.files });
    expect(whole.leakage).to.equal(null);
    const { program } = joinStages(whole);
    const reportOn = (bytes: Uint8Array): LeakageReport => ({
      version: 1,
      warning: LEAKAGE_WARNING,
      program: toHex(keccak256(bytes)),
      modality: "tabular",
      seed: 1,
      auxiliaryRows: 1000,
      testRows: 500,
      passes: 1,
      noise: null,
      classMeanPpm: 0,
      cuts: [],
    });
    const report = reportOn(encodeProgram(program));
    const leakage = utf8(encodeLeakageReport(report));
    const imported = await importModel({ ...parts, leakage });
    expect(imported.model.reportHash).to.not.equal(plain.model.reportHash);
    const loaded = await loadModel({ ...imported.files, "leakage.json": leakage });
    expect(loaded.leakage).to.deep.equal(report);
    expect(boundaryLeakage(loaded, 0)).to.equal(null);
    expect(boundaryLeakage(loaded, PRODUCER_INPUT)?.recoveryPpm).to.equal(1_000_000);
    expect((await loadModel({ ...plain.files, "leakage.json": leakage })).leakage).to.equal(null);
    const changed = utf8(encodeLeakageReport({ ...report, seed: 2 }));
    await expectCode("MODEL_HASH_MISMATCH", () => loadModel({ ...imported.files, "leakage.json": changed }));
    const foreign = utf8(encodeLeakageReport(reportOn(new Uint8Array(3))));
    await expectCode("MODEL_FILE_INVALID", () => importModel({ ...parts, leakage: foreign }));
  });

  it("error: PROOFS_UNAVAILABLE without a compiler of circuits; MODEL_FILE_INVALID for a recipe at odds with itself", async () => {
    const proofs = { weights: "public" } as const;
    await expectCode("PROOFS_UNAVAILABLE", () => run({ proofs }));
    await expectCode("MODEL_FILE_INVALID", () => run({ acceptedPolicies: [VOTE, PROOF] }));
    await expectCode("MODEL_FILE_INVALID", () => run({ proofs, digest: "BLINDED" }));
    await expectCode("MODEL_FILE_INVALID", () =>
      run({ proofs: { weights: "private" } }, undefined, async () => ({ record: new Uint8Array(3), commitment: null })),
    );
  });

  it("behavior: a model in three stages answers as the same model in one, and its stages are wired by the manifest", async function () {
    this.timeout(60_000);
    const steps: string[] = [];
    const whole = await loadModel((await run({}, (step) => steps.push(step))).files);
    const cut = await loadModel((await run({ stages: ["relu1", "flatten"], digest: "BLINDED" })).files);
    expect(steps).to.have.length(3);
    expect(cut.manifest.model.stages.map(({ producers }) => producers)).to.deep.equal([[PRODUCER_INPUT], [0], [1]]);
    expect(cut.manifest.model.stages.map(({ outKind }) => outKind)).to.deep.equal([2, 2, 2]);
    expect(cut.manifest.model.stages.map(({ probe }) => probe === NO_PROBE)).to.deep.equal([true, true, false]);
    expect(cut.manifest.modelId).to.not.equal(whole.manifest.modelId);
    expect(inspectModel(cut).macs).to.equal(inspectModel(whole).macs);
    const input = prepareInput(whole.preprocess, evaluation?.features ?? []);
    const executor = createOnnxExecutor();
    const [one, three] = [await runModel(whole, input, executor), await runModel(cut, input, executor)];
    await executor.close();
    expect(three.output).to.deep.equal(one.output);
    expect(three.stages).to.have.length(3);
    const joined = joinStages(cut);
    expect(encodeProgram(joined.program)).to.deep.equal(encodeProgram(joinStages(whole).program));
    expect(joined.stageEnds).to.have.length(3);
  });

  it("error: MODEL_FILE_INVALID if the recipe's shape is not the network's", async () => {
    const preprocess = { dims: [784], offset: 0, scale: 1, step: 1, lo: 0, hi: 127 };
    await expectCode("MODEL_FILE_INVALID", () => run({ preprocess }));
  });

  it("error: CUT_INVALID for a cut that the network does not have", async () => {
    await expectCode("CUT_INVALID", () => run({ stages: ["nowhere"] }));
  });

  it("error: BOUNDARY_TOO_LARGE for a SALTED input above 256 KiB, not for a BLINDED one", async function () {
    this.timeout(60_000);
    const size = 600;
    const dims = [1, size, size];
    const rows = 4;
    const noise = Float64Array.from({ length: rows * size * size }, (_, i) => (i * 7919) % 127);
    const data: Dataset = { rows, width: size * size, features: noise, labels: new Int32Array(rows) };
    const kernel = { name: "k", dims: [4, 1, 3, 3], values: Array.from({ length: 36 }, (_, i) => i - 17.5) };
    const wide = buildOnnx({
      input: ["batch", ...dims],
      nodes: [{ op: "Conv", inputs: ["x", "k"], output: "y", ints: { strides: [8, 8] } }],
      constants: [kernel],
      output: "y",
    });
    const preprocess = { dims, offset: 0, scale: 1, step: 1, lo: 0, hi: 127 };
    const make = (digest: Recipe["digest"]) => {
      if (recipe === null) expect.fail("no recipe");
      return importModel({
        onnx: wide,
        recipe: { ...recipe, preprocess, digest },
        calibration: data,
        evaluation: data,
      });
    };
    await expectCode("BOUNDARY_TOO_LARGE", () => make("SALTED"));
    expect((await make("BLINDED")).model.stages).to.have.length(1);
  });

  it("error: MODEL_FILE_MISSING for a folder without a recipe", async () => {
    await expectCode("MODEL_FILE_MISSING", () => importFolder(`${folder}/nowhere`));
  });

  it("error: EXECUTION_FAILED if onnxruntime refuses a graph", async () => {
    await expectCode("EXECUTION_FAILED", () => createSession(Uint8Array.of(1, 2, 3), 1));
  });
});
