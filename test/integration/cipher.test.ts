// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeContract } from "viem/actions";
import { evidenceRouterAbi } from "../../offchain/adapters/chain/abi/evidence-router.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import type { BlobStore } from "../../offchain/core/ports/blob-store.ts";
import type { Logger } from "../../offchain/core/ports/logger.ts";
import { interpretOutput, prepareInput } from "../../offchain/core/program/preprocess.ts";
import { decodeReceipt, encodeReceipt } from "../../offchain/core/receipt.ts";
import { ciphertextTensor } from "../../offchain/core/she/ciphertext-tensor.ts";
import { CIPHER, type ModelManifest } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { takeRows } from "../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { CipherKeySet } from "../../offchain/engines/she/client/cipher-key-set.ts";
import { finishOf } from "../../offchain/engines/she/client/cipher-model.ts";
import { MemoryKeyLedger } from "../../offchain/engines/she/client/key-ledger.ts";
import { boundaryOf } from "../../offchain/engines/she/client/release.ts";
import { nodeKernel } from "../../offchain/engines/she/kernel/node-kernel.ts";
import { loadCipherModel } from "../../offchain/engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../offchain/engines/she/node-hashes.ts";
import { FolderModelShelf } from "../../offchain/node/model-shelf.ts";
import { readKeptOutput, readKeptWork } from "../../offchain/protocol/cipher-keep.ts";
import { HONEST, type ModelShelf } from "../../offchain/protocol/ports.ts";
import { cipherFinality } from "../../offchain/sdk/cipher-finality.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { deployReferee } from "../../scripts/deploy/deploy-referee.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, testClock, until } from "../support/cluster/cluster.ts";
import { memoryBlobs, memoryStore } from "../support/cluster/memory-blobs.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { expectCode } from "../support/expect-code.ts";

const folderOf = (name: string) => new URL(`../../models/${name}`, import.meta.url).pathname;
const [DIGITS, TUMOR] = ["digits-mlp-poly", "tumor-poly"].map(folderOf) as [string, string];
const PATIENTS = 12;
/** Six seats, and seven more who could be asked: with fewer any dissent would hang the job. */
const WORKERS = 13;
/** Generous on a loaded machine: a chain second is a quarter of a real one. */
const POLICY = { k: 3, seatStake: 28n * 10n ** 16n, tWork: 60, tReveal: 20 };
const REWARD = 10n ** 16n;

/** Held-out rows as integers, with what the exact program answers. */
async function heldOut(folder: string, rows: number) {
  const model = await loadModel(folder);
  const recipe = await readRecipe(folder);
  const input = prepareInput(model.preprocess, takeRows(await readDataset(folder, recipe.evaluation), rows).features);
  const { output } = await runModel(model, input, createReferenceExecutor());
  const width = input.data.length / rows;
  const samples = Array.from({ length: rows }, (_, row) =>
    Array.from(input.data.subarray(row * width, (row + 1) * width), Number),
  );
  return { model, samples, answers: interpretOutput(model.output, output) };
}

/** The referee's 48 hours go by before anybody works. */
async function admitCiphertexts(chain: TestChain): Promise<void> {
  const { public: publicClient, wallet: walletClient, account } = chain.clients(0);
  const { hub, router } = chain.deployment;
  await deployReferee({ publicClient, walletClient, hub }, true);
  await chain.rpc("evm_increaseTime", [48 * 3600]);
  await chain.rpc("evm_mine");
  const call = { address: router, abi: evidenceRouterAbi, functionName: "add", args: [CIPHER] } as const;
  const hash = await writeContract(walletClient, { ...call, account, chain: null });
  await publicClient.waitForTransactionReceipt({ hash });
}

describe("jobs over ciphertexts", function suite() {
  this.timeout(240_000);
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  const shelves: FolderModelShelf[] = [];
  /** Worker whose evaluations have one coefficient flipped; -1: nobody's. */
  let liar = -1;
  const logged: string[] = [];
  const stored: Uint8Array[] = [];
  /** What must not be found anywhere: inputs and secrets. */
  const planted: Uint8Array[] = [];
  const sets: CipherKeySet[] = [];

  const note = (evt: string, fields?: object) =>
    void logged.push(
      `${evt} ${JSON.stringify(fields, (_, item: unknown) => (item instanceof Error ? item.stack : typeof item === "bigint" ? String(item) : item))}`,
    );
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  const recording = (): BlobStore => {
    const store = memoryStore(testClock, 512 << 20);
    const put = store.put.bind(store);
    store.put = async (bytes, options) => (stored.push(bytes), put(bytes, options));
    return store;
  };
  const shelfOf = (index: number): Partial<ModelShelf> => {
    const shelf = () => shelves[index] ?? expect.fail("no shelf");
    return {
      has: (id) => shelf().has(id),
      table: (id) => shelf().table(id),
      stage: async (id, at) => {
        const runner = await shelf().stage(id, at);
        if (runner === null) return null;
        const run: typeof runner.run = async (...given) => {
          const { output, probe } = await runner.run(...given);
          const data = Uint8Array.from(output.data);
          if (index === liar) data[4_000] = (data[4_000] ?? 0) ^ 1;
          return { output: ciphertextTensor(data), probe };
        };
        return { ...runner, run };
      },
    };
  };
  const keysFor = async (folder: string): Promise<CipherKeySet> => {
    const model = await loadCipherModel(`${folder}/cipher`);
    const finish = finishOf(model, (await loadModel(folder)).program);
    const finality = cipherFinality(wallet, { hub: chain.deployment.hub });
    const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const more = { kernel: nodeKernel(), hashes: nodeHashes, randomBytes };
    const set = new CipherKeySet({ model, finish, finality, ledger: new MemoryKeyLedger(), ...more });
    planted.push(set.exportRoot());
    sets.push(set);
    return set;
  };
  /** A seat's own output is right, but not final: nobody decrypts it. What the seat keeps leads to it again. */
  const openEarly = async (keys: CipherKeySet, jobId: Hex): Promise<void> => {
    const { seat, kept, store } = await until(30_000, () => {
      const found = cluster.workers.flatMap(({ worker, index, store: blobs }) => {
        const session = worker.desk.session(jobId);
        return session?.seat?.stage === 1 && session.kept !== null && index !== liar
          ? [{ seat: session.seat, kept: session.kept, store: blobs }]
          : [];
      });
      return found[0] ?? null;
    });
    const blobs = memoryBlobs(testClock, cluster.network.transport("reader"), store);
    const output = (await readKeptOutput(kept, { blobs })) ?? expect.fail("no output");
    expect(kept.outDigest).to.equal(seat.vote?.outDigest);
    const work = (await readKeptWork(kept, keys.keySetRoot, { blobs })) ?? expect.fail("no work");
    const [shelf = expect.fail("no shelf")] = shelves;
    const own = (await shelf.ciphers.seat(cluster.modelId, 1)) ?? expect.fail("no seat");
    expect((await own.evaluate(work)).outDigest).to.equal(kept.outDigest);
    await expectCode("NOT_FINAL", () => keys.session.open(jobId, output, 1));
  };

  before(async () => {
    chain = await startTestChain();
    await admitCiphertexts(chain);
    for (let i = 0; i < WORKERS; i++)
      shelves.push(
        await FolderModelShelf.open(
          { folders: [DIGITS, TUMOR], executor: "reference", threads: 1, judges: null },
          { logger },
        ),
      );
    const { manifest } = await loadCipherModel(`${DIGITS}/cipher`);
    cluster = await Cluster.start(
      chain,
      { workers: WORKERS, http: true, models: shelfOf, maxBlobBytes: 17 << 20, store: recording, logger: () => logger },
      manifest.model,
    );
    wallet = await createRequester(chain);
    const tumor: ModelManifest = (await loadCipherModel(`${TUMOR}/cipher`)).manifest.model;
    await wallet.waitForTransactionReceipt({ hash: await wallet.registerModel({ manifest: tumor }) });
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await Promise.all(shelves.map((shelf) => shelf.close()));
    for (const set of sets) set.forget();
    await chain.close();
  });

  it("R39, R41: a digit over two stages of three seats; who flips a coefficient is outvoted, and the receipt shows it", async () => {
    const { model, samples, answers } = await heldOut(DIGITS, 1);
    const keys = await keysFor(DIGITS);
    const [sample = []] = samples;
    planted.push(Uint8Array.from(sample).slice(300, 400));
    let [seats, jobId]: [readonly number[], Hex] = [[], "0x"];
    const early: Promise<void>[] = [];
    const done = await wallet.requestCipher({
      keys,
      samples,
      deposit: true,
      seatReward: REWARD,
      policy: POLICY,
      beforeDelivery: (drawn) => {
        seats = drawn;
        // Of the first stage: what follows must be of what the others said.
        liar = cluster.workers.findIndex(({ workerId }) => workerId === drawn[1]);
        const one = cluster.workers[liar];
        if (one !== undefined) one.behaviour = { ...HONEST, mayChallenge: false };
      },
      onProgress: (step) => {
        if (step.stage === "requested") ({ jobId } = step);
        if (step.stage === "tallied") early.push(openEarly(keys, jobId));
      },
    });
    // The answer stood in a window: somebody had dissented.
    await Promise.all(early);
    expect(early).to.not.deep.equal([]);
    liar = -1;
    const released = await done.opened.release({ kind: "argmax" });
    expect(released).to.deep.equal({ kind: "argmax", index: answers[0]?.index });
    expect(model.output.labels[released.kind === "argmax" ? released.index : -1]).to.equal(answers[0]?.label);
    expect(done.job.spec.inputRef).to.equal(keys.keySetRoot);

    const receipt = decodeReceipt(encodeReceipt(await wallet.getReceipt({ jobId })));
    const report = verifyReceipt(receipt, { hub: chain.deployment.hub, outDigest: done.view.outDigest ?? "0x" });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.coverage.map(({ evidence }) => evidence)).to.deep.equal([
      ["VOTE", "CIPHER"],
      ["VOTE", "CIPHER"],
    ]);
    const said = receipt.committees[0]?.seats.map(({ outDigest }) => outDigest) ?? [];
    expect(new Set(said).size).to.equal(2);
    expect(said[0]).to.equal(said[2]);
    expect(said[0]).to.equal(receipt.record.boundaries[0]);
    expect(await getSlashed(cluster, jobId)).to.deep.equal([{ workerId: seats[1], offence: 1 }]);
  });

  it("R39, R40: an encrypted diagnosis of held-out patients in one ciphertext; each is told, or undecided", async () => {
    const { model, samples, answers } = await heldOut(TUMOR, PATIENTS);
    const keys = await keysFor(TUMOR);
    for (const sample of samples) planted.push(Uint8Array.from(sample, (value) => value & 255));
    const { opened, jobId } = await wallet.requestCipher({
      keys,
      samples,
      deposit: true,
      seatReward: REWARD,
      policy: POLICY,
    });
    const { decision, step } = model.output;
    const at = decision.kind === "threshold" ? Math.ceil(decision.at / step) : expect.fail("another decision");
    const finish = finishOf(keys.model, model.program);
    for (const [i, answer] of answers.entries()) {
      const told = await opened.release({ kind: "threshold", at: boundaryOf(finish, at) }, i);
      expect(told).to.deep.equal({ kind: "threshold", isReached: answer.index === 1 });
    }
    expect(verifyReceipt(await wallet.getReceipt({ jobId })).ok).to.equal(true);
    expect(await getSlashed(cluster, jobId)).to.deep.equal([]);
  });

  it("R41: seats that get another client's keys abstain, and nobody pays for it", async () => {
    const { samples } = await heldOut(TUMOR, 1);
    const keys = await keysFor(TUMOR);
    const others = await keysFor(TUMOR);
    const input = ciphertextTensor(await keys.session.encrypt(samples));
    const asked = wallet.requestInferenceSync({
      manifest: keys.model.manifest.model,
      input,
      preset: "critical-cipher",
      cipher: { keySetRoot: keys.keySetRoot, parcel: (stage, bytes) => others.parcel(stage, bytes) },
      deposit: true,
      seatReward: REWARD,
      policy: { ...POLICY, tWork: 15 },
    });
    const error = await expectCode("JOB_CLOSED", () => asked);
    const { jobId, reason } = (error as { meta: { jobId: Hex; reason: string } }).meta;
    expect(reason).to.equal("INPUT_UNAVAILABLE");
    expect(await getSlashed(cluster, jobId)).to.deep.equal([]);
  });

  it("R72: inputs and secret keys are in no log, no transaction, no event and no worker's store", async () => {
    const chainText: string[] = [];
    const height = Number(await cluster.client.public.getBlockNumber());
    for (let number = 0; number <= height; number++) {
      const { transactions } = await cluster.client.public.getBlock({
        blockNumber: BigInt(number),
        includeTransactions: true,
      });
      for (const { input } of transactions) chainText.push(input);
    }
    const logs = await cluster.client.public.getLogs({ fromBlock: 0n });
    const text = [...chainText, ...logs.flatMap(({ data, topics }) => [data, ...topics]), ...logged]
      .join("\n")
      .toLowerCase();
    const blobs = Buffer.concat(stored);
    expect([planted.length > 10, logged.length > 50, blobs.length > 1e7, chainText.length > 30]).to.not.include(false);
    for (const secret of planted) {
      expect(text.includes(toHex(secret).slice(2))).to.equal(false);
      expect(text.includes(secret.slice(0, 16).join(","))).to.equal(false);
      expect(blobs.includes(Buffer.from(secret.slice(0, 24)))).to.equal(false);
    }
    // The search finds what is there.
    expect(blobs.includes(Buffer.from("ASCP"))).to.equal(true);
    expect(text.includes("seat.voted")).to.equal(true);
  });
});
