// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { fromHex, toHex } from "../../../../offchain/core/bytes.ts";
import { stageKernel } from "../../../../offchain/core/program/container.ts";
import { decodeTensor, encodeTensor } from "../../../../offchain/core/tensor.ts";
import { loadStage } from "../../../../offchain/engines/program/executor.ts";
import { createOnnxExecutor } from "../../../../offchain/engines/program/onnx-executor.ts";
import { programVectors } from "../../../support/program-vectors.ts";

interface Vectors {
  readonly cases: readonly {
    readonly bytes: string;
    readonly kernel: string;
    readonly probe: number | null;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly probeOutput: string | null;
  }[];
}

describe("program vectors", () => {
  const file = new URL("../../../fixtures/vectors/program.json", import.meta.url);

  it("behavior: the committed vectors are what the reference computes today", async () => {
    expect(programVectors()).to.equal(await readFile(file, "utf8"));
  });

  it("behavior: R2: onnxruntime gives the vectors' bytes", async () => {
    const { cases } = JSON.parse(await readFile(file, "utf8")) as Vectors;
    const executor = createOnnxExecutor({ threads: 2 });
    for (const { bytes, kernel, probe, inputs, outputs, probeOutput } of cases) {
      const raw = fromHex(bytes);
      expect(stageKernel(raw)).to.equal(kernel);
      const result = await executor.run(
        loadStage(raw, probe),
        inputs.map((input) => decodeTensor(fromHex(input))),
      );
      expect(result.outputs.map((tensor) => toHex(encodeTensor(tensor)))).to.deep.equal(outputs);
      expect(result.probe === undefined ? null : toHex(encodeTensor(result.probe))).to.equal(probeOutput);
    }
    await executor.close();
  });
});
