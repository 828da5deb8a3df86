// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { modelId } from "../../../../offchain/core/model.ts";
import { encodeManifestFile } from "../../../../offchain/core/manifest.ts";
import { prepareInput, interpretOutput } from "../../../../offchain/core/program/preprocess.ts";
import { ENCLAVE, OPTIMISTIC, PROOF, VOTE } from "../../../../offchain/core/types.ts";
import { keyIdOf } from "../../../../offchain/core/zk/key-record.ts";
import { parseCsv, parseIdx } from "../../../../offchain/engines/program/dataset.ts";
import { loadStage } from "../../../../offchain/engines/program/executor.ts";
import { loadModel, type ModelFiles } from "../../../../offchain/engines/program/load-program.ts";
import { parseRecipe } from "../../../../offchain/engines/program/recipe.ts";
import { expectCode } from "../../../support/expect-code.ts";

const folder = new URL("../../../../models/tumor-mlp", import.meta.url).pathname;
const read = async (file: string) => new Uint8Array(await readFile(`${folder}/${file}`));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

describe("loadModel", () => {
  let files: Omit<Required<ModelFiles>, "tokens" | "keys" | "leakage.json">;
  before(async () => {
    files = {
      "manifest.json": await read("manifest.json"),
      program: await read("program"),
      "model.json": await read("model.json"),
      "report.json": await read("report.json"),
    };
  });

  it("default: R1: the model id is the hash of the manifest that names every file", async () => {
    const { manifest, stages } = await loadModel(folder);
    expect(manifest.modelId).to.equal(modelId(manifest.model));
    expect(stages).to.have.length(manifest.model.stages.length);
    const policies = [VOTE, PROOF, OPTIMISTIC, ENCLAVE | PROOF, ENCLAVE | OPTIMISTIC];
    expect(manifest.model.acceptedMasks).to.equal(policies.reduce((mask, one) => mask | (1 << one), 0));
  });

  it("behavior: a folder's key records are those that the manifest names; without them a model still runs", async () => {
    const { keys, manifest } = await loadModel(folder);
    const [record] = keys;
    if (record === null || record === undefined) expect.fail("no record");
    expect(keyIdOf(record)).to.equal(manifest.model.stages[0]?.keyId);
    expect((await loadModel(files)).keys).to.deep.equal([null]);
    expect((await loadModel({ ...files, keys: [record] })).keys).to.deep.equal([record]);
    const changed = record.slice();
    changed[5] = (changed[5] ?? 0) ^ 1;
    await expectCode("MODEL_HASH_MISMATCH", () => loadModel({ ...files, keys: [changed] }));
  });

  it("error: MODEL_HASH_MISMATCH for any file of another model or with a changed byte", async () => {
    const other = new Uint8Array(await readFile(new URL("../../../../models/tumor-poly/program", import.meta.url)));
    await expectCode("MODEL_HASH_MISMATCH", () => loadModel({ ...files, program: other }));
    for (const file of ["program", "model.json", "report.json"] as const) {
      const changed = files[file].slice();
      changed[changed.length - 9] = (changed[changed.length - 9] ?? 0) ^ 1;
      await expectCode("MODEL_HASH_MISMATCH", () => loadModel({ ...files, [file]: changed }));
    }
  });

  it("error: MODEL_FILE_INVALID for a manifest that is not canonical or lies about its id", async () => {
    const json = text(files["manifest.json"]);
    const lies = [
      "{}",
      "not json",
      json.replace('"version": 1', '"version": 2'),
      json.replace('"modelId": "0x', '"modelId": "0xff').slice(0, -3),
      json.replace(/"workUnits": "\d+"/, '"workUnits": "01"'),
      json.replace('"name": "tumor-mlp"', '"name": "other"'),
      json.replace("{\n", '{\n  "extra": 1,\n'),
      `${json} `,
    ];
    for (const lie of lies) {
      await expectCode("MODEL_FILE_INVALID", () => loadModel({ ...files, "manifest.json": bytes(lie) }));
    }
  });

  it("error: a manifest made to fit a wrong probe, wiring or hints is refused", async () => {
    const { manifest } = await loadModel(folder);
    const forge = (change: (stage: (typeof manifest.model.stages)[number]) => object) => {
      const stages = manifest.model.stages.map((stage) => ({ ...stage, ...change(stage) }));
      const json = encodeManifestFile({ ...manifest.model, stages }, manifest.tools);
      return loadModel({ ...files, "manifest.json": bytes(json) });
    };
    await expectCode("PROGRAM_INVALID", () => forge(() => ({ probe: 999 })));
    await expectCode("MODEL_FILE_INVALID", () => forge(() => ({ producers: [0] })));
    await expectCode("MODEL_FILE_INVALID", () => forge(() => ({ producers: [] })));
    await expectCode("MODEL_HASH_MISMATCH", () => forge(() => ({ kernel: `0x${"00".repeat(32)}` })));
  });

  it("error: MODEL_FILE_MISSING names the file", async () => {
    await expectCode("MODEL_FILE_MISSING", () => loadModel(`${folder}/nowhere`));
  });

  it("error: PROGRAM_INVALID for a probe that has no accumulator", async () => {
    const { stages } = await loadModel(folder);
    await expectCode("PROGRAM_INVALID", () => loadStage(stages[0]?.bytes ?? new Uint8Array(), 99));
  });
});

describe("preprocessing and data sets", () => {
  it("default: rounds half up and clamps, feature by feature", async () => {
    const spec = { dims: [2], offset: [1, 0], scale: [0.5, 2], step: 0.25, lo: -127, hi: 127 };
    expect([...prepareInput(spec, [1.25, 1e9, 0.75, -1e9]).data]).to.deep.equal([1, 127, 0, -127]);
    await expectCode("RAW_INPUT_INVALID", () => prepareInput(spec, [1]));
    await expectCode("RAW_INPUT_INVALID", () => prepareInput(spec, []));
    await expectCode("RAW_INPUT_INVALID", () => prepareInput(spec, [Number.NaN, 1]));
  });

  it("default: decisions: the lowest index wins a tie, a threshold includes its value", () => {
    const labels = ["a", "b", "c"];
    const tensor = { dtype: "i8", dims: [2, 3], data: Int8Array.of(1, 5, 5, 7, 0, 7) } as const;
    const answers = interpretOutput({ labels, decision: { kind: "argmax" }, step: 1 }, tensor);
    expect(answers.map(({ label }) => label)).to.deep.equal(["b", "a"]);
    const single = { dtype: "i8", dims: [2, 1], data: Int8Array.of(63, 64) } as const;
    const decided = interpretOutput({ labels, decision: { kind: "threshold", at: 64 }, step: 1 }, single);
    expect(decided.map(({ index }) => index)).to.deep.equal([0, 1]);
  });

  it("error: DATASET_MALFORMED for broken CSV and IDX files", async () => {
    expect(parseCsv("a,label\n1.5,0\n2,1\n").rows).to.equal(2);
    for (const csv of ["", "a,b", "a,b\n1", "a,b\n1,x", "a,b\n1,", "a,b\n1,0.5", "a,b\n1,-1", "a,b\nInfinity,1"]) {
      await expectCode("DATASET_MALFORMED", () => parseCsv(csv));
    }
    await expectCode("DATASET_MALFORMED", () => parseIdx(new Uint8Array(10), new Uint8Array(10)));
  });

  it("default: R53 images side by side are the digits of one number, row by row; what is left over is dropped", async () => {
    const idx = (magic: number, dims: number[], data: number[]) => {
      const head = new DataView(new ArrayBuffer(4 + 4 * dims.length));
      for (const [i, word] of [magic, ...dims].entries()) head.setUint32(4 * i, word);
      return gzipSync(Buffer.concat([new Uint8Array(head.buffer), Uint8Array.from(data)]));
    };
    const images = idx(0x803, [5, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const labels = idx(0x801, [5], [4, 2, 0, 7, 9]);
    const pairs = parseIdx(images, labels, 2);
    expect(pairs).to.deep.include({ rows: 2, width: 4, labels: Int32Array.of(42, 7) });
    expect([...pairs.features]).to.deep.equal([1, 3, 2, 4, 5, 7, 6, 8]);
    expect([...parseIdx(images, labels).labels]).to.deep.equal([4, 2, 0, 7, 9]);
    const letters = idx(0x801, [5], [4, 2, 0, 7, 10]);
    await expectCode("DATASET_MALFORMED", () => parseIdx(images, letters, 2));
  });

  it("error: MODEL_FILE_INVALID for a recipe with unknown or wrong fields", async () => {
    const recipe = text(await read("recipe.json"));
    expect(parseRecipe(recipe).name).to.equal("tumor-mlp");
    await expectCode("MODEL_FILE_INVALID", () => parseRecipe(recipe.replace('"labels"', '"lables"')));
    await expectCode("MODEL_FILE_INVALID", () => parseRecipe(recipe.replace("0.03125", "0.03")));
    await expectCode("MODEL_FILE_INVALID", () => parseRecipe("{"));
  });
});
