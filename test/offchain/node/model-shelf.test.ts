// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FolderModelShelf } from "../../../offchain/node/model-shelf.ts";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import { decodeTolerance } from "../../../offchain/core/sketch.ts";
import { loadFloatModel } from "../../../offchain/engines/program/float/load-float-model.ts";
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
