// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { reExecute } from "../../../offchain/audit/re-execute.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { blindedDigest, digestOf, publicDigest, saltedDigest } from "../../../offchain/core/digest.ts";
import { partsDigest } from "../../../offchain/core/join.ts";
import { shareInputs } from "../../../offchain/core/masked/shares.ts";
import type { InputPart } from "../../../offchain/core/sealed-input.ts";
import { KIND_BLINDED, KIND_SALTED, type DigestKind, type ModelManifest } from "../../../offchain/core/types.ts";
import { prepareInput } from "../../../offchain/core/program/preprocess.ts";
import { prepareReals } from "../../../offchain/core/program/real-input.ts";
import type { Receipt } from "../../../offchain/core/receipt.ts";
import { boundarySalt, INPUT_BOUNDARY, LANES } from "../../../offchain/core/salts.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import { createFloatExecutor, type FloatExecutor } from "../../../offchain/engines/program/float/float-executor.ts";
import { loadFloatModel, type LoadedFloatModel } from "../../../offchain/engines/program/float/load-float-model.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { loadMaskedStage, runLane } from "../../../offchain/engines/program/masked-lane.ts";
import { createReferenceExecutor } from "../../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../../offchain/engines/program/run-model.ts";
import { openingOf } from "../../../offchain/sdk/joined-input.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { leftOut } from "../../support/joined-receipt.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";
import { seededBytes } from "../../support/seeded-bytes.ts";

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

  describe("R53, R50: inputs in parts", () => {
    const secret = bytesOf("job secret");
    const row = (values: readonly number[]): Tensor => ({
      dtype: "i8",
      dims: [1, values.length],
      data: Int8Array.from(values),
    });

    it("default: joined results are taken one behind the other, under the salts that came with them", async () => {
      const model = await loadModel("models/cheque-fusion");
      const { stages } = model.manifest.model;
      const width = (model.stages[0]?.program.inputs[0]?.dims ?? []).reduce((product, dim) => product * dim, 1);
      const values = Array.from({ length: width }, (_, i) => (i * 5) % 7);
      const shown = [row(values.slice(0, width / 2)), row(values.slice(width / 2))].map((tensor, i) => ({
        tensor: encodeTensor(tensor),
        salt: bytesOf(`branch ${i}`).slice(0, 31),
      }));
      const { output } = await runModel(model, row(values), createReferenceExecutor());
      const outKind = stages.at(-1)?.outKind as DigestKind;
      const outDigest = digestOf(outKind, encodeTensor(output), boundarySalt(secret, stages.length - 1, outKind));
      const digests = shown.map(({ tensor, salt }) => saltedDigest(tensor, salt));
      const ends = { inDigest: partsDigest(KIND_SALTED, digests), outDigest, output: "0x" as const };
      const receipt = {
        ...receiptOf(model.manifest.model, model.manifest.modelId, ends),
        parents: [leftOut(), leftOut()],
      };
      const opened = (parts: readonly InputPart[]) => ({ input: openingOf(parts), secret });
      expect(failedOf(await reExecute(receipt, model, opened(shown)))).to.deep.equal([]);
      const lie = { ...receipt, outDigest: digests[0] as Receipt["outDigest"] };
      expect(failedOf(await reExecute(lie, model, opened(shown)))).to.deep.equal(["re-execution"]);
      const closed = shown.map((part, i) => (i === 0 ? { digest: digests[0] as Receipt["outDigest"] } : part));
      expect(failedOf(await reExecute(receipt, model, opened(closed)))).to.deep.equal(["re-execution"]);
      const wrong = [
        opened(shown.toReversed()),
        opened(shown.map(({ tensor }) => ({ tensor, salt: bytesOf("other").slice(0, 31) }))),
        opened(shown.slice(1)),
      ];
      for (const other of wrong)
        expect(failedOf(await reExecute(receipt, model, other))).to.deep.equal(["re-execution input"]);
      // Hostile files are failed checks.
      for (const input of [bytesOf("noise"), encodeTensor(row(values)), opened(shown).input.subarray(0, 60)])
        expect(failedOf(await reExecute(receipt, model, { input, secret }))).to.deep.equal(["re-execution"]);
    });

    it("default: each lane's share gives the digest that its seats agreed on; a lane that lied is named", async () => {
      const model = await loadModel("models/cheque-image");
      const [stage] = model.stages;
      if (stage === undefined) throw new TypeError("no stage");
      const lane = loadMaskedStage(stage);
      const dims = stage.program.inputs[0]?.dims ?? [];
      const size = dims.reduce((product, dim) => product * dim, 1);
      const input: Tensor = { dtype: "i8", dims: [1, ...dims], data: new Int8Array(size).fill(3) };
      const { laneA, laneB } = shareInputs(lane.masked, [input], seededBytes(4));
      const shares = [laneA[0], laneB[0]] as [Tensor, Tensor];
      const lanes = [LANES.A, LANES.B] as const;
      const shown = shares.map((share, i) => ({
        tensor: encodeTensor(share),
        salt: boundarySalt(secret, INPUT_BOUNDARY, KIND_BLINDED, lanes[i]) as Uint8Array,
      }));
      const sums = await Promise.all(
        shares.map(async (share, i) => encodeTensor(await runLane(lane, [share], i === 0, createReferenceExecutor()))),
      );
      const outs = sums.map((sum, i) =>
        blindedDigest(sum, boundarySalt(secret, i, KIND_BLINDED, lanes[i]) as Uint8Array),
      );
      const inDigest = partsDigest(
        KIND_BLINDED,
        shown.map(({ tensor, salt }) => blindedDigest(tensor, salt)),
      );
      const ends = { inDigest, outDigest: outs[1] as Receipt["outDigest"], output: "0x" as const };
      const base = receiptOf(model.manifest.model, model.manifest.modelId, ends);
      const receipt = { ...base, record: { ...base.record, boundaries: outs } };
      const opened = { input: openingOf(shown), secret };
      expect(failedOf(await reExecute(receipt, model, opened))).to.deep.equal([]);
      const lied = { ...receipt, record: { ...receipt.record, boundaries: outs.toReversed() } };
      expect(failedOf(await reExecute(lied, model, opened))).to.deep.equal(["re-execution lane A"]);
      expect(
        failedOf(await reExecute({ ...receipt, outDigest: outs[0] as Receipt["outDigest"] }, model, opened)),
      ).to.deep.equal(["re-execution lane B"]);
      const half = openingOf([
        shown[0] as InputPart,
        { digest: blindedDigest(shown[1]?.tensor ?? new Uint8Array(), shown[1]?.salt ?? new Uint8Array()) },
      ]);
      expect(failedOf(await reExecute(receipt, model, { input: half, secret }))).to.deep.equal(["re-execution lane B"]);
      expect(failedOf(await reExecute(receipt, model, { input: opened.input }))).to.deep.equal(["re-execution"]);
    });
  });
});
