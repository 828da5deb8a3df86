// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { reExecute } from "../../../offchain/audit/re-execute.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { publicDigest, saltedDigest } from "../../../offchain/core/digest.ts";
import type { DigestKind, ModelManifest } from "../../../offchain/core/types.ts";
import { prepareInput } from "../../../offchain/core/program/preprocess.ts";
import { prepareReals } from "../../../offchain/core/program/real-input.ts";
import type { Receipt } from "../../../offchain/core/receipt.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../../offchain/core/salts.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import { createFloatExecutor, type FloatExecutor } from "../../../offchain/engines/program/float/float-executor.ts";
import { loadFloatModel, type LoadedFloatModel } from "../../../offchain/engines/program/float/load-float-model.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../../offchain/engines/program/run-model.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";

/** What re-execution reads of a receipt: the model, the two digests and the output. */
function receiptOf(
  manifest: ModelManifest,
  modelId: string,
  ends: Pick<Receipt, "outDigest" | "output"> & { inDigest: string },
): Receipt {
  const sample = fastReceipt(1, 5);
  const spec = { ...sample.job.spec, modelId: modelId as `0x${string}`, inDigest: ends.inDigest as `0x${string}` };
  return { ...sample, manifest, job: { ...sample.job, spec }, outDigest: ends.outDigest, output: ends.output };
}

const failedOf = (checks: Awaited<ReturnType<typeof reExecute>>) =>
  checks.filter(({ ok }) => !ok).map(({ name }) => name);

describe("reExecute", () => {
  describe("R28: floats", () => {
    let model: LoadedFloatModel;
    let executor: FloatExecutor;
    let input: Tensor;
    let output: Tensor;
    before(async () => {
      model = await loadFloatModel("models/mail-letters");
      executor = createFloatExecutor({ threads: 2 });
      input = prepareReals(
        model.preprocess,
        Array.from({ length: 32 }, (_, i) => 2 + (i % 20)),
      );
      output = await executor.run(model.program, input);
    });
    after(() => executor.close());

    const check = (delivered: Tensor | null, opened: Tensor = input) => {
      const bytes = encodeTensor(delivered ?? output);
      const ends = {
        inDigest: publicDigest(encodeTensor(input)),
        outDigest: publicDigest(bytes),
        output: delivered === null ? ("0x" as const) : toHex(bytes),
      };
      const receipt = receiptOf(model.manifest.model, model.manifest.modelId, ends);
      return reExecute(receipt, model, { input: encodeTensor(opened) });
    };
    const moved = (by: (value: number, i: number) => number): Tensor => ({
      ...output,
      data: Float32Array.from(output.data, by),
    });

    it("default: another machine's answer lies within the tolerance; no secret is needed", async () => {
      expect(failedOf(await check(output))).to.deep.equal([]);
    });

    it("error: what no honest machine gives is found", async () => {
      const step = model.tolerance.tau * Number(model.tolerance.mantissa) * 2 ** model.tolerance.exponent;
      const wrong: readonly (readonly [string, Tensor])[] = [
        ["one output shifted", moved((value, i) => (i === 3 ? value + 4 * step : value))],
        ["two outputs exchanged", moved((_, i) => output.data[i === 0 ? 1 : i === 1 ? 0 : i] ?? 0)],
        ["1 % of all", moved((value) => value * 1.01)],
        ["another shape", { ...output, dims: [output.data.length] }],
        ["integers", { dtype: "i32", dims: output.dims, data: Int32Array.from(output.data, Math.round) }],
      ];
      for (const [name, tensor] of wrong) expect(failedOf(await check(tensor)), name).to.deep.equal(["re-execution"]);
    });

    it("error: without the output, with another input, or with one out of range nothing is called right", async () => {
      expect(failedOf(await check(null))).to.deep.equal(["re-execution"]);
      const other = prepareReals(
        model.preprocess,
        Array.from({ length: 32 }, () => 5),
      );
      expect(failedOf(await check(output, other))).to.deep.equal(["re-execution input"]);
    });
  });

  it("R69: an integer program repeats bit for bit, under the salts of the job's secret only", async () => {
    const model = await loadModel("models/tumor-mlp");
    const input = prepareInput(
      model.preprocess,
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    const { output } = await runModel(model, input, createReferenceExecutor());
    const secret = bytesOf("job secret");
    const { stages } = model.manifest.model;
    const saltOf = (boundary: number, kind: number) =>
      boundarySalt(secret, boundary, kind as DigestKind) ?? new Uint8Array();
    const [bytes, out] = [encodeTensor(input), encodeTensor(output)];
    const ends = {
      inDigest: saltedDigest(bytes, saltOf(INPUT_BOUNDARY, stages[0]?.inKind ?? 0)),
      outDigest: saltedDigest(out, saltOf(stages.length - 1, stages.at(-1)?.outKind ?? 0)),
      output: toHex(out),
    };
    const receipt = receiptOf(model.manifest.model, model.manifest.modelId, ends);
    expect(failedOf(await reExecute(receipt, model, { input: bytes, secret }))).to.deep.equal([]);
    expect(failedOf(await reExecute(receipt, model, { input: bytes }))).to.deep.equal(["re-execution"]);
  });
});
