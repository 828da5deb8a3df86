// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { utf8 } from "../../../../../offchain/core/bytes.ts";
import { decodeManifestFile, encodeManifestFile } from "../../../../../offchain/core/manifest.ts";
import { firstOutside, interpretReals, prepareReals } from "../../../../../offchain/core/program/real-input.ts";
import {
  encodeTolerance,
  scaleOf,
  sketchA,
  sketchB,
  tallySketches,
  toleranceOf,
} from "../../../../../offchain/core/sketch.ts";
import { toWord } from "../../../../../offchain/core/tagged-hash.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../../../../../offchain/core/tensor.ts";
import type { ModelManifest } from "../../../../../offchain/core/types.ts";
import { calibrateTolerance } from "../../../../../offchain/engines/committee/calibrate-tolerance.ts";
import { parseCsv } from "../../../../../offchain/engines/program/dataset.ts";
import { createFloatExecutor } from "../../../../../offchain/engines/program/float/float-executor.ts";
import { importFloatFolder, isFloatFolder } from "../../../../../offchain/engines/program/float/import-float-folder.ts";
import { withExtremes } from "../../../../../offchain/engines/program/float/import-float-model.ts";
import { inspectFloatModel } from "../../../../../offchain/engines/program/float/inspect-float-model.ts";
import {
  loadFloatModel,
  type FloatModelFiles,
  type LoadedFloatModel,
} from "../../../../../offchain/engines/program/float/load-float-model.ts";
import { loadAnyModel } from "../../../../../offchain/engines/program/load-any-model.ts";
import { loadModel } from "../../../../../offchain/engines/program/load-program.ts";
import { importGraph } from "../../../../../offchain/engines/program/onnx/import-graph.ts";
import { expectCode } from "../../../../support/expect-code.ts";

const FOLDER = "models/mail-letters";
const read = (file: string) => new Uint8Array(readFileSync(`${FOLDER}/${file}`));
const files = (): FloatModelFiles => ({
  "manifest.json": read("manifest.json"),
  "model.onnx": read("model.onnx"),
  "model.json": read("model.json"),
  "report.json": read("report.json"),
});
const heldOut = () => parseCsv(readFileSync("models/data/letters-test.csv", "utf8"));

/** The zoo's manifest with a changed field, under the model id that then fits. */
function changed(edit: (model: ModelManifest) => ModelManifest): FloatModelFiles {
  const { model, tools } = decodeManifestFile(readFileSync(`${FOLDER}/manifest.json`, "utf8"));
  return { ...files(), "manifest.json": utf8(encodeManifestFile(edit(model), tools)) };
}
const stageChanged = (edit: Partial<ModelManifest["stages"][number]>) =>
  changed((model) => ({ ...model, stages: model.stages.map((stage) => ({ ...stage, ...edit })) }));

describe("float models", () => {
  let model: LoadedFloatModel;
  before(async () => {
    model = await loadFloatModel(FOLDER);
  });

  it("R28: the zoo's answers held-out rows as well as its report says, in floats, by its own tolerance", async () => {
    const data = heldOut();
    const executor = createFloatExecutor({ maxBatch: 2000 });
    const output = await executor.run(model.program, prepareReals(model.preprocess, data.features));
    await executor.close();
    const right = interpretReals(model.output, output).filter(({ index }, i) => index === data.labels[i]).length;
    const report = JSON.parse(readFileSync(`${FOLDER}/report.json`, "utf8")) as { evaluation: { correct: number } };
    // Two scores that differ in the last bit only may swap on another machine.
    expect(right).to.be.within(report.evaluation.correct - 2, report.evaluation.correct + 2);
    expect(decodeTensor(encodeTensor(output))).to.deep.equal(output);
    expect(interpretReals({ ...model.output, decision: { kind: "threshold", value: 1e9 } }, output)[0]?.index).to.equal(
      0,
    );
    const { tau, scale, operators } = inspectFloatModel(model);
    expect([tau, scale]).to.deep.equal([model.tolerance.tau, scaleOf(model.tolerance)]);
    expect(operators.map(({ kind }) => kind)).to.include("GRU");
  });

  it("behavior: the integer compiler refuses it, and the program loader says what it is", async () => {
    const { onnx } = model.program.graph;
    await expectCode("ONNX_UNSUPPORTED_OPERATOR", () => importGraph(onnx));
    await expectCode("MODEL_FILE_INVALID", () => loadModel(FOLDER));
    expect("tolerance" in (await loadAnyModel(FOLDER))).to.equal(true);
    expect("stages" in (await loadAnyModel("models/tumor-mlp"))).to.equal(true);
    expect([await isFloatFolder(FOLDER), await isFloatFolder("models/tumor-mlp")]).to.deep.equal([true, false]);
    await expectCode("MODEL_FILE_MISSING", () => loadAnyModel("models/data"));
  });

  it("behavior: imported again, this machine's noise fits the registered tolerance, and nothing else changes", async function () {
    this.timeout(180_000);
    const made = await importFloatFolder(FOLDER, { calibrate: calibrateTolerance });
    expect(made.tolerance.tau * scaleOf(made.tolerance)).to.be.at.most(model.tolerance.tau * scaleOf(model.tolerance));
    const known = decodeManifestFile(readFileSync(`${FOLDER}/manifest.json`, "utf8")).model;
    const fixed = (manifest: ModelManifest) => ({ ...manifest, reportHash: null });
    expect(fixed(made.model)).to.deep.equal(fixed(known));
  });

  it("R28: a requester cannot aim at where machines differ: the range is calibrated to its corners, and seats refuse the rest", async () => {
    const natural = prepareReals(model.preprocess, heldOut().features.subarray(0, 32 * 30));
    const input = withExtremes(model.preprocess, natural);
    expect(input.dims).to.deep.equal([60, 74]);
    expect(firstOutside(model.preprocess, input.data)).to.equal(-1);
    const rows = Array.from({ length: 60 }, (_, row) => [...input.data.subarray(74 * row, 74 * row + 74)]);
    expect(rows[0]).to.deep.equal([...natural.data.subarray(0, 74)]);
    expect(rows[3]?.every((value) => [0, 41, -4, 37].includes(value))).to.equal(true);
    // What the range prevents: two huge numbers that cancel in half of the coordinates carry a last bit of eight steps,
    // and scores a hundred-thousandth apart fall on either side of a rounding.
    const answer = (score: number) =>
      Float32Array.from({ length: 42 }, (_, i) => (i === 0 ? 1e6 + score : i === 1 ? -1e6 : 0));
    const flagged = (run: number): boolean => {
      const [seed, commitSet] = [toWord(run), toWord(run + 100)];
      const votes = [0.03124, 0.03126, 0.03126].map((score) => {
        const output = answer(score);
        return {
          a: sketchA(output, model.tolerance, seed),
          b: sketchB(output, model.tolerance, seed, commitSet),
        };
      });
      return !tallySketches(votes, model.tolerance.tau).agreeing.every((agrees) => agrees);
    };
    expect([0, 1, 2, 3].some(flagged)).to.equal(true);
    const aimed: Tensor = { dtype: "f32", dims: [1, 74], data: new Float32Array(74).fill(1e6, 32, 34) };
    const executor = createFloatExecutor();
    await expectCode("INPUT_RANGE", () => executor.run(model.program, aimed));
    await executor.close();
  });

  it("error: MODEL_HASH_MISMATCH for every file that is not the manifest's", async () => {
    for (const name of ["model.onnx", "model.json", "report.json"] as const) {
      const bytes = files()[name].slice();
      bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
      await expectCode("MODEL_HASH_MISMATCH", () => loadFloatModel({ ...files(), [name]: bytes }));
    }
    await expectCode("MODEL_HASH_MISMATCH", () => loadFloatModel(stageChanged({ kernel: `0x${"11".repeat(32)}` })));
  });

  it("error: MODEL_FILE_INVALID for manifests that a float model cannot have", async () => {
    const word = `0x${"11".repeat(32)}` as const;
    const worse = encodeTolerance(toleranceOf(1, 2)).replace(/0$/, "1") as `0x${string}`;
    for (const broken of [
      stageChanged({ keyId: word }),
      stageChanged({ weightsX: word }),
      stageChanged({ weightsY: `0x${"00".repeat(32)}` }),
      stageChanged({ weightsY: worse }),
      stageChanged({ probe: 0 }),
      stageChanged({ outKind: 2 }),
      stageChanged({ producers: [0] }),
      changed((m) => ({ ...m, stages: [...m.stages, ...m.stages] })),
      changed((m) => ({ ...m, acceptedMasks: 2 })),
      changed((m) => ({ ...m, acceptedMasks: 3 | (1 << 2) })),
    ])
      await expectCode("MODEL_FILE_INVALID", () => loadFloatModel(broken));
  });

  it("error: inputs of other shapes and types, and answers that are not finite", async () => {
    const [executor, free] = [createFloatExecutor({ maxBatch: 2 }), createFloatExecutor()];
    const run = (tensor: Tensor) => executor.run(model.program, tensor);
    const rows = (n: number): Tensor => ({ dtype: "f32", dims: [n, 74], data: new Float32Array(74 * n) });
    try {
      await executor.warm(model.program);
      expect((await run(rows(2))).dims).to.deep.equal([2, 42]);
      await expectCode("BATCH_TOO_LARGE", () => run(rows(3)));
      await expectCode("INPUT_SHAPE", () => run({ dtype: "i8", dims: [1, 74], data: new Int8Array(74) }));
      await expectCode("INPUT_SHAPE", () => run({ dtype: "f32", dims: [1, 32], data: new Float32Array(32) }));
      await expectCode("INPUT_SHAPE", () => run({ dtype: "f32", dims: [74], data: new Float32Array(74) }));
      await expectCode("INPUT_SHAPE", () => run({ dtype: "f32", dims: [2, 74], data: new Float32Array(74) }));
      const data = new Float32Array(74);
      data[3] = Number.NaN;
      await expectCode("INPUT_RANGE", () => run({ dtype: "f32", dims: [1, 74], data }));
      // A code without an embedding.
      await expectCode("INPUT_RANGE", () =>
        run({ dtype: "f32", dims: [1, 74], data: data.fill(38, 0, 1).fill(99, 1) }),
      );
    } finally {
      await executor.close();
    }
    const ends = { dtype: "f32", dims: [1, 74] } as const;
    const unbound = { ...model.program, range: { lo: -1e38, hi: 1e38 } };
    // The library's own refusals, and what a network makes of numbers too large for it.
    await expectCode("EXECUTION_FAILED", () => free.run(unbound, { ...ends, data: new Float32Array(74).fill(99) }));
    await expectCode("RAW_INPUT_INVALID", () => prepareReals(model.preprocess, [1, 2]));
    for (const value of [1e39, 42, -1])
      await expectCode("RAW_INPUT_INVALID", () =>
        prepareReals(
          model.preprocess,
          Array.from({ length: 32 }, () => value),
        ),
      );
    await free.close();
  });
});
