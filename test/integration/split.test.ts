// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import type { ClientPart } from "../../offchain/core/client-part.ts";
import { CLIENT_STAGE, RAW_INPUT } from "../../offchain/core/client-claims.ts";
import { blindedDigest } from "../../offchain/core/digest.ts";
import { jobTable } from "../../offchain/core/network-part.ts";
import { openClientPart } from "../../offchain/core/program/open-client-part.ts";
import { interpretOutput, prepareInput } from "../../offchain/core/program/preprocess.ts";
import { encodeReceipt, type ClientClaim } from "../../offchain/core/receipt.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED } from "../../offchain/core/types.ts";
import { takeRows, type Dataset } from "../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel, type LoadedModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { FolderModelShelf } from "../../offchain/node/model-shelf.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullLogger } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { expectCode } from "../support/expect-code.ts";
import { WireTap } from "../support/wire-tap.ts";

const FOLDER = "models/digits-split";
const K = 3;

describe("a model split between its client and three committees", function suite() {
  this.timeout(240_000);
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let model: LoadedModel;
  let clientPart: ClientPart;
  let data: Dataset;
  const tap = new WireTap();
  const logged: string[] = [];
  /** What each worker was given to compute with. */
  const shown: { readonly worker: number; readonly stage: number; readonly inputs: readonly Tensor[] }[] = [];

  before(async () => {
    model = await loadModel(FOLDER);
    const bytes = async (name: string) => new Uint8Array(await readFile(`${FOLDER}/${name}`));
    const [program, report, leakage] = [
      await bytes("program"),
      await bytes("report.json"),
      await bytes("leakage.json"),
    ];
    clientPart = openClientPart(model.manifest.model, { program, report, leakage });
    data = takeRows(await readDataset(FOLDER, (await readRecipe(FOLDER)).evaluation), 4);
    const options = { folders: [FOLDER], executor: "reference", threads: 1, judges: null } as const;
    const shelf = await FolderModelShelf.open(options, { logger: nullLogger });
    chain = await startTestChain();
    const workers = jobTable(model.manifest.model).length * K;
    const note = (event: string, fields: unknown) =>
      void logged.push(
        `${event} ${JSON.stringify(fields, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`,
      );
    const logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
    cluster = await Cluster.start(
      chain,
      {
        workers,
        http: true,
        logger: () => logger,
        models: (worker) => ({
          table: (id) => shelf.table(id),
          exposure: (id) => shelf.exposure(id),
          stage: async (id, stage) => {
            const runner = await shelf.stage(id, stage);
            if (runner === null) return null;
            return {
              ...runner,
              maxInputBytes: runner.maxInputBytes,
              run: async (inputs, signal) => {
                shown.push({ worker, stage, inputs });
                return runner.run(inputs, signal);
              },
            };
          },
        }),
      },
      model.manifest.model,
    );
    wallet = await createRequester(chain);
    await mineEvery(chain, 250);
  });
  after(async () => {
    tap.close();
    await cluster.stop();
    await chain.close();
  });

  const inputOf = (row: number): Tensor =>
    prepareInput(model.preprocess, data.features.slice(row * 784, (row + 1) * 784));
  const ask = async (input: Tensor | readonly Tensor[]) =>
    wallet.requestInferenceSync({
      manifest: model.manifest.model,
      clientPart,
      input,
      deposit: true,
      policy: { tWork: 60 },
      timeoutMs: 120_000,
    });

  it("default: R46 R49 the client's first and last stage here, a committee a stage between: the unsplit program's digests, and a receipt that says what nobody proved", async () => {
    const input = inputOf(0);
    const done = await ask(input);
    const table = jobTable(model.manifest.model);
    const { spec } = done.job;
    expect([spec.stages, spec.policy.k, spec.policy.mask]).to.deep.equal([table.length, K, 1]);

    // Unsplit, in one piece, on this machine.
    const whole = await runModel(model, input, createReferenceExecutor());
    expect(done.output).to.deep.equal(whole.output);
    expect(interpretOutput(model.output, done.output)[0]?.index).to.equal(data.labels[0]);
    const secret = done.secret.reveal();
    const saltOf = (boundary: number) => boundarySalt(secret, boundary, KIND_BLINDED) ?? new Uint8Array();
    const tensors = whole.stages.map(({ outputs: [output] }) => encodeTensor(output ?? input));
    const digestAt = (at: number, boundary: number) => blindedDigest(tensors[at] ?? new Uint8Array(), saltOf(boundary));
    expect(spec.inDigest).to.equal(digestAt(0, INPUT_BOUNDARY));
    const receipt = await wallet.getReceipt({
      jobId: done.jobId,
      manifest: model.manifest.model,
      clientClaims: done.clientClaims,
    });
    expect(receipt.record.boundaries).to.deep.equal(table.map((_, stage) => digestAt(stage + 1, stage)));
    const last = tensors.length - 1;
    const claims = receipt.clientClaims.map(({ stage, inDigest, outDigest }) => ({ stage, inDigest, outDigest }));
    expect(claims).to.deep.equal([
      { stage: 0, inDigest: blindedDigest(encodeTensor(input), saltOf(RAW_INPUT)), outDigest: spec.inDigest },
      { stage: last, inDigest: receipt.outDigest, outDigest: digestAt(last, CLIENT_STAGE + last) },
    ]);

    // Offline, from bytes, with what the client opens to an auditor: every stage again.
    const opened = { input: encodeTensor(input), secret };
    const bytes = encodeReceipt(receipt);
    const report = await verifyReceiptFile(bytes, { model, opened });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.checks.map(({ name }) => name)).to.include.members([
      "re-execution input",
      "re-execution stage 0",
      "re-execution",
      `re-execution stage ${last}`,
    ]);
    expect(report.coverage.map(({ kind }) => kind)).to.deep.equal([
      "CLIENT_UNPROVEN",
      ...table.map(() => "EVIDENCED"),
      "CLIENT_UNPROVEN",
    ]);

    // Each seat computed with its own stage's boundary, and with nothing else.
    const seats = new Map<number, Set<number>>();
    for (const { worker, stage, inputs } of shown) {
      seats.set(worker, (seats.get(worker) ?? new Set()).add(stage));
      expect(inputs.map((one) => Buffer.from(encodeTensor(one)))).to.deep.equal([Buffer.from(tensors[stage] ?? [])]);
    }
    expect([...seats.values()].every(({ size }) => size === 1)).to.equal(true);
    expect(table.map((_, stage) => [...seats.values()].filter((one) => one.has(stage)).length)).to.deep.equal(
      table.map(() => K),
    );

    // On the wire, in calldata and in logs: nothing of the input, of any boundary, of the answer, or of what hides them.
    expect(tap.bytes).to.be.greaterThan(100_000);
    expect(tap.saw(Buffer.from(done.jobId.slice(2), "hex"))).to.equal(true);
    const salts = [RAW_INPUT, INPUT_BOUNDARY, CLIENT_STAGE + last, ...table.keys()].map(saltOf);
    const text = logged.join("\n");
    expect(text.length).to.be.greaterThan(1_000);
    for (const [at, planted] of [
      encodeTensor(input),
      encodeTensor(input).slice(200, 264),
      ...tensors,
      ...salts,
      secret,
    ].entries()) {
      expect(tap.saw(planted), `secret ${at}`).to.equal(false);
      expect(text.includes(Buffer.from(planted).toString("hex")), `secret ${at}`).to.equal(false);
    }

    // Claims that do not belong here are found before the receipt is handed out.
    const forged = (change: Partial<ClientClaim>, at: number) =>
      wallet.getReceipt({
        jobId: done.jobId,
        clientClaims: done.clientClaims.map((claim, i) => (i === at ? { ...claim, ...change } : claim)),
      });
    await expectCode("CHAIN_BROKEN", async () => forged({ outDigest: receipt.outDigest }, 0));
    await expectCode("CHAIN_BROKEN", async () => forged({ inDigest: spec.inDigest }, 1));
    await expectCode("CHAIN_BROKEN", async () => forged({ stage: 1 }, 0));
    // A signed lie about the answer closes the chain: only doing it again finds it.
    const lie = await wallet.getReceipt({
      jobId: done.jobId,
      clientClaims: await wallet.signClientClaims({
        jobId: done.jobId,
        statements: claims.map((claim, i) => (i === 1 ? { ...claim, outDigest: spec.inDigest } : claim)),
      }),
    });
    const judged = await verifyReceiptFile(encodeReceipt(lie), { model, opened });
    expect(judged.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal([`re-execution stage ${last}`]);
    expect(judged.coverage.at(-1)?.kind).to.equal("CLIENT_UNPROVEN");
  });

  it("behavior: many inputs in one split job", async () => {
    const inputs = [inputOf(1), inputOf(2), inputOf(3)];
    const done = await ask(inputs);
    const answers = done.outputs.flatMap((output) => interpretOutput(model.output, output));
    expect(answers.map(({ index }) => index)).to.deep.equal([...data.labels].slice(1));
    const receipt = await wallet.getReceipt({ jobId: done.jobId, clientClaims: done.clientClaims });
    const secret = done.secret.reveal();
    const { encodeBatch } = await import("../../offchain/core/batch-tensors.ts");
    const opened = { input: encodeBatch(inputs.map((one) => encodeTensor(one))), secret };
    const report = await verifyReceiptFile(encodeReceipt(receipt), { model, opened });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
  });

  it("error: CLIENT_PART, before anything is sent, where the raw input would be the job's", async () => {
    const { modelId } = clientPart;
    const asked = { manifest: model.manifest.model, input: inputOf(0), deposit: true };
    await expectCode("CLIENT_PART", async () => wallet.requestInferenceSync(asked));
    const foreign = { ...clientPart, modelId: `0x${modelId.slice(2).split("").toReversed().join("")}` as const };
    await expectCode("CLIENT_PART", async () => wallet.requestInferenceSync({ ...asked, clientPart: foreign }));
  });
});
