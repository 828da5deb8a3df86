// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { halfWeights, int8Weights, noisyWeights } from "../../../bench/tolerance/impostors.ts";
import { flagRate, measureTolerance, type CaseResult, type Measurement } from "../../../bench/tolerance/measure.ts";
import { asSvg, asTable } from "../../../bench/tolerance/plot.ts";
import { parseCsv } from "../../../offchain/engines/program/dataset.ts";
import { loadFloatModel } from "../../../offchain/engines/program/float/load-float-model.ts";
import { parseOnnx } from "../../../offchain/engines/program/onnx/parse-onnx.ts";

const RUNS = 200;

describe("tolerance bench, short", () => {
  let measured: Measurement;
  let bytes: Uint8Array;
  const found = (name: string) => measured.cases.find((one) => one.name === name) as CaseResult;

  before(async function () {
    this.timeout(120_000);
    const model = await loadFloatModel("models/mail-letters");
    ({ bytes } = model.program);
    measured = await measureTolerance({
      model,
      data: parseCsv(readFileSync("models/data/letters-test.csv", "utf8")),
      inputs: 40,
      runs: RUNS,
      machines: (name) => !name.includes("parallel") && !/lanes8|fma16/.test(name),
      impostors: [
        { name: "another", bytes: new Uint8Array(readFileSync("test/fixtures/models/mail-letters-other.onnx")) },
        { name: "noise", bytes: noisyWeights(bytes, 0.01, 1) },
        { name: "8-bit", bytes: int8Weights(bytes, "row") },
      ],
    });
  });

  it("R28: honest machines of every kind are never flagged, though they differ", () => {
    expect(measured.machines.length).to.be.at.least(9);
    expect([found("honest").flagged, ...measured.cases.map(({ wronged }) => wronged)]).to.deep.equal([
      0, 0, 0, 0, 0, 0,
    ]);
  });

  it("R28: another model, 1 % weight noise and an 8-bit copy are flagged in at least 99 %", () => {
    for (const name of ["another", "noise", "8-bit"]) expect(found(name).flagged / RUNS, name).to.be.at.least(0.99);
  });

  it("R28: an error hidden in the kernel of A passes A, and B sees it", () => {
    const { neededA, neededB, flagged } = found("error in the kernel of A");
    expect(flagRate(neededA, measured.tau)).to.equal(0);
    expect(flagRate(neededB, measured.tau)).to.be.at.least(0.99);
    expect(flagged / RUNS).to.be.at.least(0.99);
  });

  it("default: the verdict is that of the distances, and both reports show every case", () => {
    for (const { name, needed, flagged } of measured.cases) {
      expect(flagged / RUNS).to.equal(flagRate(needed, measured.tau));
      expect(asTable(measured)).to.include(name);
      expect(asSvg(measured)).to.include(name);
    }
  });

  it("behavior: impostors' files differ from the model's in weights only, by what they claim", () => {
    const [own, ...others] = [
      bytes,
      noisyWeights(bytes, 0.01, 1),
      int8Weights(bytes, "tensor"),
      halfWeights(bytes),
    ].map((file) => ({
      size: file.length,
      weights: parseOnnx(file).constants.get("gru.w")?.data ?? new Float64Array(),
    }));
    const errors = others.map(({ size, weights }) => {
      expect(size).to.equal(own?.size);
      const off = weights.reduce((sum, value, i) => sum + (value - (own?.weights[i] ?? 0)) ** 2, 0);
      return Math.sqrt(off / (own?.weights.reduce((sum, value) => sum + value ** 2, 0) ?? 1));
    });
    expect(errors[0]).to.be.within(0.009, 0.011);
    expect(errors[1]).to.be.within(0.002, 0.03);
    expect(errors[2]).to.be.within(0.0001, 0.0005);
  });
});
