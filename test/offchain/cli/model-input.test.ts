// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readModelInputs } from "../../../offchain/cli/model-input.ts";
import { MAX_BATCH_INPUTS } from "../../../offchain/core/batch-tensors.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import { loadModel, type LoadedModel } from "../../../offchain/engines/program/load-program.ts";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("readModelInputs", () => {
  let model: LoadedModel;
  let folder: string;
  const patient = (first: number) => [first, ...Array.from({ length: 29 }, () => 1)];
  const file = (name: string, value: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const list = (path: string): readonly Tensor[] => {
    const inputs = readModelInputs(path, model);
    return Array.isArray(inputs) ? (inputs as readonly Tensor[]) : [];
  };

  before(async () => {
    model = await loadModel("models/tumor-mlp");
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });

  it("default: one input of numbers or a tensor; many as an array of them or as a folder, in the order of names", () => {
    const one = readModelInputs(file("one.json", patient(3)), model);
    expect(Array.isArray(one)).to.equal(false);
    const tensor = join(folder, "one.tensor");
    writeFileSync(tensor, encodeTensor(one as Tensor));
    expect(readModelInputs(tensor, model)).to.deep.equal(one);
    const many = list(file("many.json", [patient(3), patient(20)]));
    expect(many).to.have.length(2);
    expect(many[0]).to.deep.equal(one);
    const patients = join(folder, "patients");
    mkdirSync(patients);
    writeFileSync(join(patients, "b.json"), JSON.stringify(patient(20)));
    writeFileSync(join(patients, "a.json"), JSON.stringify(patient(3)));
    expect(list(patients)).to.deep.equal(many);
    expect(list(file("batch-of-one.json", [patient(3)]))).to.deep.equal([one]);
  });

  it("error: INPUT_INVALID names the wrong one by its number or file, and counts what is none or too many", async () => {
    const wrong = async (path: string, why: RegExp) => {
      const error = await expectCode("INPUT_INVALID", () => readModelInputs(path, model));
      expect(String(error)).to.match(why);
    };
    await wrong(file("short.json", [patient(1), [1, 2]]), /input 1 \(of 0 to 1\): /);
    await wrong(file("text.json", [patient(1), patient(2), "malign"]), /input 2 .*numbers, not text/);
    await wrong(file("object.json", [patient(1), { x: 1 }]), /input 1 .*neither an array/);
    await wrong(file("nan.json", [[...patient(1).slice(1), null]]), /input 0 /);
    await wrong(file("empty.json", []), /0 inputs/);
    const most = Array.from({ length: MAX_BATCH_INPUTS + 1 }, () => patient(1));
    await wrong(
      file("many.json", most),
      new RegExp(`${MAX_BATCH_INPUTS + 1} inputs instead of 1 to ${MAX_BATCH_INPUTS}`),
    );
    await wrong(temporaryFolder(), /0 inputs/);
    const mixed = temporaryFolder();
    writeFileSync(join(mixed, "a.json"), JSON.stringify(patient(1)));
    writeFileSync(join(mixed, "b.json"), "{");
    await wrong(mixed, /input 1 b\.json .*neither JSON nor a tensor/);
    const two = [...patient(1), ...patient(2)];
    await wrong(file("rows.json", [patient(1), two]), /input 1 .*i8 2 × 30, and one input of the model is i8 1 × 30/);
    writeFileSync(join(mixed, "b.json"), encodeTensor({ dtype: "i8", dims: [1, 4], data: Int8Array.of(1, 2, 3, 4) }));
    await wrong(mixed, /input 1 b\.json .*i8 1 × 4/);
    await expectCode("FILE_UNREADABLE", () => readModelInputs(join(folder, "nothing"), model));
  });

  it("error: INPUT_INVALID: files that are together longer than one may be", async () => {
    const large = temporaryFolder();
    writeFileSync(join(large, "a"), JSON.stringify(patient(1)));
    // Sparse: only its length is looked at.
    writeFileSync(join(large, "b"), "");
    truncateSync(join(large, "b"), 64 * 1024 * 1024 - 8);
    const error = await expectCode("INPUT_INVALID", () => readModelInputs(large, model));
    expect(String(error)).to.match(/input 1 b .*67108856 bytes, at most 67108803/);
  });
});
