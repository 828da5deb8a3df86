// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FolderModelShelf } from "../../../offchain/node/model-shelf.ts";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import { jobTable } from "../../../offchain/core/network-part.ts";
import { assertExposure } from "../../../offchain/core/planning/leakage-limits.ts";
import { decodeTolerance } from "../../../offchain/core/sketch.ts";
import { loadFloatModel } from "../../../offchain/engines/program/float/load-float-model.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { expectCode } from "../../support/expect-code.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const FOLDER = "models/mail-letters";

describe("FolderModelShelf with a float model", () => {
  let shelf: FolderModelShelf;
  before(async () => {
    const options = { folders: [FOLDER, "models/tumor-mlp"], executor: "onnx", threads: 1, judges: null } as const;
    shelf = await FolderModelShelf.open(options, { logger });
  });
  after(() => shelf.close());

  const stage = async () => {
    const { manifest, program } = await loadFloatModel(FOLDER);
    const runner = await shelf.stage(manifest.modelId, 0);
    if (runner === null) throw new TypeError("not hosted");
    return { manifest, runner, dims: [1, ...program.graph.inputDims] };
  };

  it("R28: runs its one stage, f32 in and out, and offers provers no program", async () => {
    const { manifest, runner, dims } = await stage();
    const length = dims.reduce((product, dim) => product * dim, 1);
    const { output, probe } = await runner.run(
      [{ dtype: "f32", dims, data: new Float32Array(length) }],
      new AbortController().signal,
    );
    expect(output.dtype).to.equal("f32");
    expect(output.data.every(Number.isFinite)).to.equal(true);
    expect(probe).to.equal(null);
    expect(decodeTolerance(shelf.table(manifest.modelId)?.[0]?.weightsY ?? "0x").tau).to.be.greaterThan(0);
    expect(await shelf.program(manifest.modelId, 0)).to.equal(null);
    expect(await shelf.stage(manifest.modelId, 1)).to.equal(null);
  });

  it("error: INPUT_SHAPE and INPUT_RANGE, on which a seat abstains", async () => {
    const { runner, dims } = await stage();
    const { signal } = new AbortController();
    const length = dims.reduce((product, dim) => product * dim, 1);
    await expectCode("INPUT_SHAPE", () =>
      runner.run([{ dtype: "f32", dims: [1, 3], data: new Float32Array(3) }], signal),
    );
    await expectCode("INPUT_SHAPE", () => runner.run([{ dtype: "i8", dims, data: new Int8Array(length) }], signal));
    const outside = new Float32Array(length).fill(1e30);
    await expectCode("INPUT_RANGE", () => runner.run([{ dtype: "f32", dims, data: outside }], signal));
  });
});

describe("FolderModelShelf with client stages", () => {
  const folder = "models/digits-split";
  it("R46: knows the network's stages by the job's numbers, and what they show (R4)", async () => {
    const shelf = await FolderModelShelf.open(
      { folders: [folder], executor: "reference", threads: 1, judges: null },
      { logger },
    );
    const { manifest, stages } = await loadModel(folder);
    const { modelId, model } = manifest;
    expect(shelf.table(modelId)).to.deep.equal(jobTable(model));
    expect([0, 1, 2, 3].map((stage) => shelf.place(modelId, stage))).to.deep.equal([1, 2, 3, null]);
    expect(await shelf.program(modelId, 0)).to.deep.equal(stages[1]?.program);
    expect(await shelf.program(modelId, 3)).to.equal(null);
    expect(await shelf.stage(modelId, 3)).to.equal(null);
    const runner = await shelf.stage(modelId, 1);
    const input = { dtype: "i8" as const, dims: [1, 192], data: new Int8Array(192) };
    const { output } = (await runner?.run([input], new AbortController().signal)) ?? { output: null };
    expect(output?.dims).to.deep.equal([1, 64]);
    // Within the limits, as its card says.
    const exposure = shelf.exposure(modelId);
    expect(exposure).to.have.length(4);
    assertExposure(exposure, 0);
    expect(shelf.exposure(`0x${"00".repeat(32)}`)).to.deep.equal([]);
    await shelf.close();
  });
});
