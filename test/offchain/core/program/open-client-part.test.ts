// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { MemoryPrivacyLedger } from "../../../../offchain/adapters/store/memory-privacy-ledger.ts";
import { encodeBatch } from "../../../../offchain/core/batch-tensors.ts";
import { toHex, utf8, type Hex } from "../../../../offchain/core/bytes.ts";
import { CLIENT_STAGE, RAW_INPUT } from "../../../../offchain/core/client-claims.ts";
import type { ClientPart } from "../../../../offchain/core/client-part.ts";
import { blindedDigest } from "../../../../offchain/core/digest.ts";
import { keccak256 } from "../../../../offchain/core/keccak.ts";
import { canonicalJson } from "../../../../offchain/core/manifest.ts";
import { epsilonOf, releaseRho } from "../../../../offchain/core/noise/mechanism.ts";
import { clipRow } from "../../../../offchain/core/noise/noise-boundary.ts";
import { worstFigures } from "../../../../offchain/core/planning/leakage-limits.ts";
import { encodeLeakageReport } from "../../../../offchain/core/planning/leakage-report.ts";
import { createClientPart, openClientPart } from "../../../../offchain/core/program/open-client-part.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../../../offchain/core/salts.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../../../../offchain/core/tensor.ts";
import { KIND_BLINDED, KIND_PUBLIC, type ModelManifest, type StageInfo } from "../../../../offchain/core/types.ts";
import { loadModel, type LoadedModel } from "../../../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../../../offchain/engines/program/run-model.ts";
import { bookRelease } from "../../../../offchain/sdk/actions/request-inference.ts";
import { clientPartOf, releaseOf } from "../../../../offchain/sdk/client-stages.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Random, randomInputs } from "../../../support/random-program.ts";

const FOLDER = "models/digits-split";
const bytesOf = async (name: string) => new Uint8Array(await readFile(`${FOLDER}/${name}`));

describe("openClientPart", () => {
  let model: LoadedModel;
  let manifest: ModelManifest;
  let files: { program: Uint8Array; report: Uint8Array; leakage: Uint8Array };
  let inputs: Tensor[];
  const secret = keccak256(utf8("job"));
  const saltOf = (boundary: number) => boundarySalt(secret, boundary, KIND_BLINDED) ?? new Uint8Array();
  before(async () => {
    model = await loadModel(FOLDER);
    manifest = model.manifest.model;
    files = {
      program: await bytesOf("program"),
      report: await bytesOf("report.json"),
      leakage: await bytesOf("leakage.json"),
    };
    const [stage] = model.stages;
    if (stage === undefined) throw new TypeError("fixture");
    const random = new Random(46);
    inputs = Array.from({ length: 20 }, () => randomInputs(random, stage.program, 1)[0] as Tensor);
  });

  /** From a boundary of the client to the next one of it, through the network's stages. */
  const throughNetwork = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const middle = manifest.stages
      .slice(1, -1)
      .map((stage, at) => ({ ...stage, producers: [at === 0 ? 0xffff : at - 1] }));
    const part = {
      ...model,
      manifest: { ...model.manifest, model: { ...manifest, stages: middle } },
      stages: model.stages.slice(1, -1),
    };
    return encodeTensor((await runModel(part, decodeTensor(bytes), createReferenceExecutor())).output);
  };

  it("default: R46 what the client's stages give around the network's is what the whole program gives, with a statement a stage", async () => {
    const part = openClientPart(manifest, files);
    expect([part.modelId, part.noise]).to.deep.equal([model.manifest.modelId, null]);
    expect(part.exposure).to.have.length(manifest.stages.length - 1);
    expect(worstFigures(part.exposure)?.recoveryPpm).to.be.within(300_000, 400_000);
    const last = manifest.stages.length - 1;
    for (const input of inputs) {
      const whole = await runModel(model, input, createReferenceExecutor());
      const bytes = encodeTensor(input);
      const first = part.before({ secret, bytes, inputs: 0 });
      const inDigest = blindedDigest(first.bytes, saltOf(INPUT_BOUNDARY));
      expect(first.statements).to.deep.equal([
        { stage: 0, inDigest: blindedDigest(bytes, saltOf(RAW_INPUT)), outDigest: inDigest },
      ]);
      const result = await throughNetwork(first.bytes);
      const outDigest = blindedDigest(result, saltOf(last - 2));
      const end = part.after({ secret, bytes: result, inputs: 0, outDigest });
      expect(decodeTensor(end.bytes)).to.deep.equal(whole.output);
      expect(end.statements).to.deep.equal([
        { stage: last, inDigest: outDigest, outDigest: blindedDigest(end.bytes, saltOf(CLIENT_STAGE + last)) },
      ]);
    }
  });

  it("behavior: a batch is its inputs, one by one", () => {
    const part = openClientPart(manifest, files);
    const all = inputs.slice(0, 3).map((input) => encodeTensor(input));
    const single = all.map((bytes) => part.before({ secret, bytes, inputs: 0 }).bytes);
    expect(part.before({ secret, bytes: encodeBatch(all), inputs: 3 }).bytes).to.deep.equal(encodeBatch(single));
  });

  it("error: inputs of another shape or out of range; their values stay out of the error", async () => {
    const part = openClientPart(manifest, files);
    const run = (tensor: Tensor) => part.before({ secret, bytes: encodeTensor(tensor), inputs: 0 });
    await expectCode("INPUT_SHAPE", () => run({ dtype: "i8", dims: [1, 783], data: new Int8Array(783) }));
    await expectCode("INPUT_RANGE", () => run({ dtype: "i8", dims: [1, 784], data: new Int8Array(784).fill(-77) }));
    try {
      run({ dtype: "i8", dims: [1, 784], data: new Int8Array(784).fill(-77) });
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).to.not.include("77");
    }
  });

  it("error: MODEL_HASH_MISMATCH for a program, a report or figures that the model id does not name", async () => {
    const changed = (bytes: Uint8Array, at: number) =>
      Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte));
    const { program, report, leakage } = files;
    await expectCode("MODEL_HASH_MISMATCH", () => openClientPart(manifest, { program: changed(program, 900) }));
    await expectCode("MODEL_HASH_MISMATCH", () => openClientPart(manifest, { program, report: changed(report, 9) }));
    const low = utf8(new TextDecoder().decode(leakage).replaceAll(/"mlpPpm": ?\d+/g, '"mlpPpm":1'));
    await expectCode("MODEL_HASH_MISMATCH", () => openClientPart(manifest, { program, report, leakage: low }));
    await expectCode("PROGRAM_MALFORMED", () => openClientPart(manifest, { program: program.slice(0, -1) }));
    const twoStages = { ...manifest, stages: manifest.stages.slice(0, 2) };
    await expectCode("MODEL_FILE_INVALID", () => openClientPart(twoStages, { program }));
    // Figures that nothing pins are anybody's: the exposure is then unknown, never small.
    for (const some of [{ program }, { program, leakage }, { program, report }])
      expect(worstFigures(openClientPart(manifest, some).exposure)).to.equal(null);
    // An author pins the figures of another program.
    if (model.leakage === null) throw new TypeError("fixture");
    const lent = utf8(encodeLeakageReport({ ...model.leakage, program: toHex(keccak256(utf8("another"))) }));
    const { leakage: _own, ...rest } = JSON.parse(new TextDecoder().decode(report)) as Record<string, unknown>;
    const pinning = utf8(canonicalJson({ ...rest, leakage: { hash: toHex(keccak256(lent)) } }));
    const authored = { ...manifest, reportHash: toHex(keccak256(pinning)) };
    await expectCode("MODEL_HASH_MISMATCH", () =>
      openClientPart(authored, { program, report: pinning, leakage: lent }),
    );
  });

  it("error: MODEL_FILE_INVALID for client stages in the middle, and for digests that could be guessed", async () => {
    const at = (place: number, change: Partial<StageInfo>) => ({
      ...manifest,
      stages: manifest.stages.map((stage, i) => (i === place ? { ...stage, ...change } : stage)),
    });
    await expectCode("MODEL_FILE_INVALID", () => openClientPart(at(2, { place: 1 }), files));
    for (const change of [{ inKind: KIND_PUBLIC }, { outKind: KIND_PUBLIC }])
      await expectCode("MODEL_FILE_INVALID", () => openClientPart(at(0, change), files));
    await expectCode("MODEL_FILE_INVALID", () => openClientPart(at(4, { outKind: KIND_PUBLIC }), files));
  });

  it("error: CLIENT_PART where a model's own stages are missing or another's", async () => {
    const part = openClientPart(manifest, files);
    expect(clientPartOf(manifest, part)).to.equal(part);
    await expectCode("CLIENT_PART", () => clientPartOf(manifest, undefined));
    await expectCode("CLIENT_PART", () => clientPartOf({ ...manifest, name: "another" }, part));
    const open = manifest.stages.map((stage) => ({ ...stage, place: 0 }));
    expect(clientPartOf({ ...manifest, stages: open }, undefined)).to.equal(undefined);
  });

  describe("with noise", () => {
    const noise = { clip: 120, varianceNumerator: 400, varianceDenominator: 1 };
    let noisy: ClientPart;
    before(() => {
      if (model.leakage === null) throw new TypeError("fixture");
      noisy = createClientPart({ manifest, programs: model.stages, leakage: { ...model.leakage, noise } });
    });
    const leave = (part: ClientPart, input: Tensor, key: Uint8Array = secret) =>
      part.before({ secret: key, bytes: encodeTensor(input), inputs: 0 });

    it("behavior: R46 clipped, then noised, then committed to; a retry sends the same bytes, another job others", () => {
      const plain = createClientPart({ manifest, programs: model.stages, leakage: null });
      expect(noisy.noise).to.deep.equal(noise);
      for (const input of inputs) {
        const exact = decodeTensor(leave(plain, input).bytes).data as Int8Array;
        const first = leave(noisy, input);
        const sent = decodeTensor(first.bytes).data as Int8Array;
        expect([...sent]).to.not.deep.equal([...clipRow(exact, noise.clip)]);
        // The range of the stage that reads it.
        expect([...sent].every((value) => value >= 0 && value <= 127)).to.equal(true);
        expect(first.statements[0]?.outDigest).to.equal(blindedDigest(first.bytes, saltOf(INPUT_BOUNDARY)));
        expect(leave(noisy, input)).to.deep.equal(first);
        expect(leave(noisy, input, keccak256(utf8("another job"))).bytes).to.not.deep.equal(first.bytes);
      }
    });

    it("error: NOISE_REQUIRED without a ledger, PRIVACY_BUDGET_EXCEEDED above the budget; a retry costs nothing, a batch every input", async () => {
      const ledger = new MemoryPrivacyLedger();
      const subject = toHex(keccak256(utf8("subject")));
      const rho = releaseRho(noise);
      const privacy = { ledger, subject, budgetMicro: 3n * rho };
      const digest = (name: string): Hex => toHex(keccak256(utf8(name)));
      const release = (name: string, inputs_ = 0) => ({
        release: releaseOf(noisy, privacy, { inDigest: digest(name), inputs: inputs_ }),
      });
      await expectCode("NOISE_REQUIRED", () => releaseOf(noisy, undefined, { inDigest: digest("a"), inputs: 0 }));
      bookRelease(release("a"), privacy);
      bookRelease(release("a"), privacy);
      expect(ledger.totalMicro(subject)).to.equal(rho);
      bookRelease(release("b", 2), privacy);
      expect(ledger.totalMicro(subject)).to.equal(3n * rho);
      await expectCode("PRIVACY_BUDGET_EXCEEDED", () => bookRelease(release("c"), privacy));
      expect(epsilonOf(ledger.totalMicro(subject))).to.equal(epsilonOf(3n * rho));
      const none = releaseOf(openClientPart(manifest, files), undefined, { inDigest: digest("a"), inputs: 0 });
      expect(none).to.equal(undefined);
    });
  });
});
