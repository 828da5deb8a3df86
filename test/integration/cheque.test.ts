// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "viem";
import { reExecute } from "../../offchain/audit/re-execute.ts";
import { verifyJoinedFiles } from "../../offchain/audit/verify-receipt-file.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { concatTensors } from "../../offchain/core/concat-tensors.ts";
import { guaranteeOf } from "../../offchain/core/receipt-json.ts";
import { encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { prepareInput } from "../../offchain/core/program/preprocess.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_SALTED, PROOF, type ModelManifest } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { rowOf } from "../../offchain/engines/program/dataset.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { FolderModelShelf } from "../../offchain/node/model-shelf.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import type { RequestMaskedReturnType } from "../../offchain/sdk/actions/request-masked.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { writeContract } from "viem/actions";
import { chiSquaredP } from "../support/chi-squared.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullLogger } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { expectCode } from "../support/expect-code.ts";

const NAMES = ["cheque-image", "cheque-amount", "cheque-fusion"] as const;
const FOLDERS = NAMES.map((name) => `models/${name}`);
/** 72, by the labels of its two test images. */
const CHEQUE = 0;
const WRITTEN = 72;
const MATCH = 1;
const policy = { tWork: 60 };

interface View {
  readonly worker: number;
  readonly modelId: string;
  readonly stage: number;
  readonly input: Tensor;
}

describe("a cheque: branches under policies of their own, joined (R53)", function suite() {
  this.timeout(300_000);
  const views: View[] = [];
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let shelf: FolderModelShelf;
  let prover: StageProver;
  let image: LoadedModel;
  let amount: LoadedModel;
  let fusion: LoadedModel;
  let pixels: Tensor;
  let masked: RequestMaskedReturnType;

  const modelOf = ({ manifest }: LoadedModel): ModelManifest => manifest.model;
  const run = async (model: LoadedModel, input: Tensor): Promise<Tensor> =>
    (await runModel(model, input, createReferenceExecutor())).output;
  const words = async (value: number): Promise<Tensor> => {
    const [, folder = ""] = FOLDERS;
    const rows = await readDataset(folder, (await readRecipe(folder)).evaluation);
    return prepareInput(amount.preprocess, rowOf(rows, value));
  };
  /** Shares and other inputs that stages of a model were run on, by worker id. */
  const seen = (model: LoadedModel, from = 0): readonly View[] =>
    views.slice(from).filter(({ modelId }) => modelId === model.manifest.modelId);

  before(async () => {
    [image, amount, fusion] = (await Promise.all(FOLDERS.map(loadModel))) as [LoadedModel, LoadedModel, LoadedModel];
    const [folder = ""] = FOLDERS;
    const test = await readDataset(folder, (await readRecipe(folder)).evaluation);
    pixels = prepareInput(image.preprocess, rowOf(test, CHEQUE));
    expect(test.labels[CHEQUE]).to.equal(WRITTEN);
    shelf = await FolderModelShelf.open(
      { folders: FOLDERS, executor: "onnx", threads: 1, judges: null },
      { logger: nullLogger },
    );
    prover = new StageProver(
      {
        keyFolder: "circuits/keys",
        cacheFolder: "build/zk",
        chainId: 31_337n,
        memoryMiB: 1_024,
        threads: 2,
        maxLoad: 8,
        prover: "auto",
      },
      {
        logger: nullLogger,
        programs: {
          table: (id) => shelf.table(id),
          program: async (id, stage) => shelf.program(id, stage),
        },
      },
    );
    chain = await startTestChain();
    cluster = await Cluster.start(
      chain,
      {
        workers: 13,
        http: true,
        prover: () => prover,
        models: (worker) => ({
          has: (id) => shelf.has(id),
          table: (id) => shelf.table(id),
          exposure: (id) => shelf.exposure(id),
          stage: async (modelId, stage) => {
            const runner = await shelf.stage(modelId, stage);
            return (
              runner && {
                ...runner,
                run: async (inputs, signal) => {
                  for (const input of inputs) views.push({ worker, modelId, stage, input });
                  return runner.run(inputs, signal);
                },
              }
            );
          },
        }),
      },
      modelOf(image),
    );
    wallet = await createRequester(chain);
    const mined = async (hash: Promise<`0x${string}`>) => wallet.waitForTransactionReceipt({ hash: await hash });
    const add = { address: chain.deployment.keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
    await mined(writeContract(wallet, { ...add, args: [toHex(amount.keys[0] ?? new Uint8Array())] }));
    for (const model of [amount, fusion]) await mined(wallet.registerModel({ manifest: modelOf(model) }));
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster?.stop();
    await prover?.close();
    await shelf?.close();
    await chain?.close();
  });

  const askMasked = async () =>
    wallet.requestMasked({ manifest: modelOf(image), program: image.program, input: pixels, deposit: true, policy });

  it("R50: two lanes on shares give the unmasked answer, bit for bit; the receipt promises the lanes' sums alone", async () => {
    masked = await askMasked();
    const plain = await run(image, pixels);
    expect(masked.output.dims).to.deep.equal(plain.dims);
    expect([...masked.output.data]).to.deep.equal([...plain.data]);
    const { receipt } = masked;
    const report = verifyReceipt(receipt, { recordHash: receipt.recordHash });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.coverage.map(({ kind }) => kind)).to.deep.equal(["EVIDENCED", "EVIDENCED", "CLIENT_UNPROVEN"]);
    expect(guaranteeOf(receipt, report).endToEnd).to.equal(false);
    // An auditor who is shown both shares and the salts does both lanes again.
    const opened = { input: masked.opening, secret: masked.secret.reveal() };
    const again = await reExecute(receipt, image, opened);
    expect(again.map(({ name, ok }) => `${name} ${ok}`)).to.deep.equal([
      "re-execution model true",
      "re-execution input true",
      "re-execution lane A true",
      "re-execution lane B true",
    ]);
    // No operator in both lanes; a receipt that says otherwise is refused.
    const [a, b, c, d] = receipt.record.seats;
    expect(new Set([a, b, c, d]).size).to.equal(4);
    const both: Receipt = { ...receipt, record: { ...receipt.record, seats: [a, b, a, b].map(Number) } };
    expect(verifyReceipt(both, { recordHash: receipt.recordHash }).ok).to.equal(false);
  });

  it("R50: what one worker sees is uniform, and independent of the input; fresh in every job", async () => {
    const first = [...seen(image)];
    const from = views.length;
    const again = await askMasked();
    expect([...again.output.data]).to.deep.equal([...masked.output.data]);
    expect(again.job.spec.inDigest).to.not.equal(masked.job.spec.inDigest);
    const second = seen(image, from);
    for (const job of [first, second]) {
      const byWorker = Map.groupBy(job, ({ worker }) => worker);
      expect(byWorker.size).to.equal(4);
      for (const own of byWorker.values()) {
        expect(new Set(own.map(({ stage }) => stage)).size, "one lane").to.equal(1);
        const bytes = new Uint8Array((own[0] as View).input.data.slice().buffer);
        const counts = Array<number>(256).fill(0);
        for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
        // Twice in a million runs a fair generator fails this.
        expect(
          chiSquaredP(
            counts,
            counts.map(() => bytes.length / 256),
          ),
        ).to.be.greaterThan(1e-6);
      }
      const lanes = [0, 1].map((lane) => job.find(({ stage }) => stage === lane)?.input.data ?? []);
      const sum = Array.from(pixels.data, (_, i) => ((lanes[0]?.[i] ?? 0) + (lanes[1]?.[i] ?? 0)) | 0);
      expect(sum).to.deep.equal([...pixels.data]);
    }
    expect([...(first[0]?.input.data ?? [])]).to.not.deep.equal([...(second[0]?.input.data ?? [])]);
  });

  const joinedWith = async (branch: Parameters<AssayWallet["joinResults"]>[0]["branches"][number]) => {
    const input = await wallet.joinResults({ manifest: modelOf(fusion), branches: [masked, branch] });
    const done = await wallet.requestInferenceSync({ manifest: modelOf(fusion), input, deposit: true, policy });
    const { jobId, result } = done;
    const opened = { input: input.opening, secret: done.secret.reveal() };
    return { done, opened, receipt: await wallet.getReceipt({ jobId, manifest: modelOf(fusion), result }) };
  };
  const decision = ({ data }: Tensor): number => (Number(data[1]) > Number(data[0]) ? MATCH : 0);

  it("R53: a masked branch, a proven one and a vote over both say match; their receipts hold together", async () => {
    const typed = await wallet.requestInferenceSync({
      preset: "critical-proof",
      manifest: modelOf(amount),
      input: await words(WRITTEN),
      deposit: true,
    });
    expect(typed.job.spec.policy.mask).to.equal(PROOF);
    const { done, receipt, opened } = await joinedWith(typed);
    const whole = await run(fusion, concatTensors([masked.output, typed.output]));
    expect([...done.output.data]).to.deep.equal([...whole.data]);
    expect(decision(done.output)).to.equal(MATCH);
    const branches = [masked.receipt, await wallet.getReceipt({ jobId: typed.jobId, manifest: modelOf(amount) })];
    const report = await verifyJoinedFiles(
      encodeReceipt(receipt),
      branches.map((one) => encodeReceipt(one)),
      { rpcUrl: chain.url, hub: chain.deployment.hub, model: fusion, opened },
    );
    expect(report.checks.some(({ name }) => name === "re-execution")).to.equal(true);
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.guarantee?.evidence).to.include.members(["VOTE", "PROOF (DEVELOPMENT KEY)"]);
    // The client opened the lanes' sums itself, so nobody stands behind the whole.
    expect(report.guarantee).to.include({ endToEnd: false, quorum: 2 });
    expect(receipt.parents.map(({ jobId }) => jobId)).to.deep.equal([masked.jobId, typed.jobId]);
    // The chain told of other parents.
    const swapped = encodeReceipt({ ...receipt, parents: receipt.parents.toReversed() });
    expect((await verifyJoinedFiles(swapped, branches.map(encodeReceipt))).ok).to.equal(false);
  });

  it("R53: another amount under another policy says mismatch; a left-out branch is shown as absent", async () => {
    const typed = await wallet.requestInferenceSync({
      preset: "general-vote",
      manifest: modelOf(amount),
      input: await words(WRITTEN + 3),
      deposit: true,
      policy: { ...policy, k: 3 },
    });
    const { done } = await joinedWith(typed);
    expect(decision(done.output)).to.equal(0);
    const absent = { dtype: "i8", dims: typed.output.dims } as const;
    const { done: without, receipt } = await joinedWith({ absent });
    const zeros: Tensor = { ...absent, data: new Int8Array(typed.output.data.length) };
    expect([...without.output.data]).to.deep.equal([
      ...(await run(fusion, concatTensors([masked.output, zeros]))).data,
    ]);
    const report = verifyReceipt(receipt);
    expect(report.ok).to.equal(true);
    expect(report.checks.find(({ name }) => name === "parents")?.detail).to.contain("1 absent");
  });

  it("error: BRANCH_INVALID for jobs without a result and for results of another kind; MODEL_MISMATCH, NOT_SUPPORTED", async () => {
    const join = async (
      branch: Parameters<AssayWallet["joinResults"]>[0]["branches"][number],
      manifest = modelOf(fusion),
    ) => wallet.joinResults({ manifest, branches: [branch] });
    await expectCode("BRANCH_INVALID", async () => join({ ...masked, view: { ...masked.view, outDigest: null } }));
    const result = { outputBytes: encodeTensor(masked.output), salt: undefined };
    await expectCode("BRANCH_INVALID", async () => join({ jobId: masked.jobId, view: masked.view, result }));
    expect(modelOf(fusion).stages[0]?.inKind).to.equal(KIND_SALTED);
    const shared = { program: image.program, input: pixels, deposit: true };
    await expectCode("NOT_SUPPORTED", async () => wallet.requestMasked({ ...shared, manifest: modelOf(fusion) }));
    const other = { ...shared, program: fusion.program, manifest: modelOf(image) };
    await expectCode("MODEL_MISMATCH", async () => wallet.requestMasked(other));
  });
});
