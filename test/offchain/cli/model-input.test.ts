// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAX_INPUTS, readModelInputs } from "../../../offchain/cli/model-input.ts";
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
    await wrong(file("short.json", [patient(1), [1, 2]]), /input 2: /);
    await wrong(file("text.json", [patient(1), patient(2), "malign"]), /input 3: /);
    await wrong(file("object.json", [patient(1), { x: 1 }]), /input 2: /);
    await wrong(file("nan.json", [[...patient(1).slice(1), null]]), /input 1: /);
    await wrong(file("empty.json", []), /0 inputs/);
    const most = Array.from({ length: MAX_INPUTS + 1 }, () => patient(1));
    await wrong(file("many.json", most), new RegExp(`${MAX_INPUTS + 1} inputs instead of 1 to ${MAX_INPUTS}`));
    await wrong(temporaryFolder(), /0 inputs/);
    const mixed = temporaryFolder();
    writeFileSync(join(mixed, "a.json"), JSON.stringify(patient(1)));
    writeFileSync(join(mixed, "b.json"), "{");
    await wrong(mixed, /b\.json/);
    await expectCode("FILE_UNREADABLE", () => readModelInputs(join(folder, "nothing"), model));
  });
});
