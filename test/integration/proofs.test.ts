// SPDX-License-Identifier: GPL-3.0-or-later
import crypto from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect } from "chai";
import { getContractEvents, simulateContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { PinoLogger } from "../../offchain/adapters/observe/pino-logger.ts";
import { SqliteJournal } from "../../offchain/adapters/store/sqlite-journal.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { digestOf } from "../../offchain/core/digest.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { modelId } from "../../offchain/core/model.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { decodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { verifyStageProof } from "../../offchain/core/zk/verify-proof.ts";
import { openKey } from "../../offchain/core/zk/verifying-key.ts";
import { HONEST } from "../../offchain/protocol/ports.ts";
import { KIND_PUBLIC, KIND_SALTED, PROOF } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, testClock, until } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { provenModel, type ProvenModel } from "../support/cluster/proven-model.ts";
import { createJobSecret, resultKeyPair } from "../../offchain/sdk/job-secret.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const values = [3, -7, 50, 11];
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };

describe("proven jobs", function suite() {
  this.timeout(300_000);
  const folder = temporaryFolder();
  const journals = temporaryFolder();
  const lines: string[] = [];
  const logger = PinoLogger.create({ level: "debug", format: "json", write: (line) => void lines.push(line) });
  let chain: TestChain;
  let cluster: Cluster;
  let model: ProvenModel;
  let wallet: AssayWallet;
  /** Of this process: all workers prove with it, as many machines would with one each. */
  let prover: StageProver;

  before(async () => {
    model = await provenModel(3, folder, KIND_PUBLIC);
    const id = modelId(model.manifest);
    chain = await startTestChain();
    prover = new StageProver(
      {
        keyFolder: folder,
        cacheFolder: folder,
        chainId: 31_337n,
        memoryMiB: 1_024,
        threads: 2,
        maxLoad: 8,
        // Its blinds are drawn where a test can see them and look for them; the native prover's never come to JavaScript.
        prover: "snarkjs",
      },
      {
        logger,
        programs: {
          table: (wanted) => (wanted === id ? model.manifest.stages : null),
          program: async (_, stage) => model.programs[stage] ?? null,
        },
      },
    );
    cluster = await Cluster.start(
      chain,
      {
        workers: 13,
        http: true,
        prover: () => prover,
        logger: () => logger,
        // Without a cipher: what must never be at rest is not even handed to it.
        journal: (i) =>
          new SqliteJournal(
            { path: join(journals, `${i}.sqlite`), owner: `worker ${i}` },
            { clock: testClock, cipher: { seal: (plain) => plain.slice(), open: (sealed) => sealed.slice() } },
          ),
        models: () => ({ stage: async (_, stage) => model.runner(stage) }),
      },
      model.manifest,
    );
    wallet = await createRequester(chain);
    const mined = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
    const { keys } = chain.deployment;
    for (const record of model.records) {
      const add = { address: keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
      await mined(writeContract(wallet, { ...add, args: [record] }));
    }
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster?.stop();
    await prover?.close();
    await chain?.close();
  });

  const ask = async (onProgress: (step: InferenceProgress) => void = () => undefined) =>
    wallet.requestInferenceSync({
      preset: "critical-proof",
      manifest: model.manifest,
      input,
      deposit: true,
      onProgress,
      timeoutMs: 120_000,
    });

  it("default: three workers prove three stages; the receipt verifies offline (R46, R49)", async () => {
    const steps: InferenceProgress[] = [];
    const done = await ask((step) => steps.push(step));
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    expect(done.job.spec.policy.mask).to.equal(PROOF);
    const proven = steps.filter((step) => step.stage === "proven");
    expect(proven.map(({ proved }) => proved)).to.deep.equal([0, 1, 2]);
    expect(new Set(proven.map(({ workerId }) => workerId)).size).to.equal(3);
    // One transaction for all of them.
    expect(new Set(proven.map(({ hash }) => hash)).size).to.equal(1);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    const verdict = verifyReceipt(receipt);
    expect(verdict.ok, JSON.stringify(verdict)).to.equal(true);
    const final = steps.find((step) => step.stage === "final");
    // Three proofs with their public parts, placement and payment: a bound, not a measurement.
    expect(Number(final?.gas ?? 0n)).to.be.within(500_000, 1_300_000);
    if (process.env["ASSAY_TEST_LOG"] === "1") process.stderr.write(`submitProofs, 3 stages: ${final?.gas} gas\n`);
  });

  it("behavior: a prover dies with its order; another candidate takes the stage before the deadline (R52)", async () => {
    let dead: number | null = null;
    const steps: InferenceProgress[] = [];
    const done = await ask((step) => {
      steps.push(step);
      if (step.stage !== "input delivered") return;
      const victim = cluster.workers.find(({ workerId }) => workerId === step.reached[1]);
      if (victim === undefined) return;
      dead = victim.workerId;
      victim.behaviour = devBehaviour("silent", false);
    });
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const provers = steps.flatMap((step) => (step.stage === "proven" ? [step.workerId] : []));
    expect(dead).to.not.equal(null);
    expect(provers).to.not.include(dead);
  });

  it("behavior: an outvoted seat overrules its captured committee by a proof, without a bond (R24)", async () => {
    for (const worker of cluster.workers) worker.behaviour = HONEST;
    let liars: readonly number[] = [];
    const event = { address: chain.deployment.hub, abi: assayHubAbi, fromBlock: 0n } as const;
    // A proof must fit the window: the clock runs slower, and jumps when the court has ruled.
    await mineEvery(chain, 500);
    const done = await wallet.requestInferenceSync({
      policy: { k: 3, tWork: 40, window: 60 },
      manifest: model.manifest,
      input,
      deposit: true,
      beforeDelivery: (seats) => {
        liars = seats.slice(6, 8);
        for (const one of cluster.workers)
          if (liars.includes(one.workerId)) one.behaviour = devBehaviour("wrong-digest", false);
      },
      onProgress: (step) => {
        if (step.stage !== "tallied") return;
        void until(60_000, async () => {
          const [ruled] = await getContractEvents(wallet, { ...event, eventName: "CourtRuled" });
          return ruled === undefined ? null : chain.rpc("evm_increaseTime", [120]).then(() => true);
        });
      },
    });
    // Its digest is the truth's: the SDK checked the output against it.
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const [ruled] = await getContractEvents(wallet, { ...event, eventName: "CourtRuled", strict: true });
    expect(ruled?.args).to.deep.include({ jobId: done.jobId, stage: 2, outDigest: done.view.outDigest });
    const slashed = await getSlashed(cluster, done.jobId);
    expect(slashed.map(({ workerId }) => workerId).toSorted((a, b) => a - b)).to.deep.equal(
      liars.toSorted((a, b) => a - b),
    );
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    expect(verifyReceipt(receipt).ok, JSON.stringify(verifyReceipt(receipt))).to.equal(true);
  });

  it("R11 R34 R73: logs, journals, calldata and events of a proven job hold no input, boundary, salt or blind", async () => {
    for (const worker of cluster.workers) worker.behaviour = HONEST;
    const blinds: Uint8Array[] = [];
    const { randomFillSync } = crypto;
    crypto.randomFillSync = ((bytes: Uint8Array) => {
      randomFillSync(bytes);
      // Of the curve's field: what `uniformScalar` asks for, before it clears the two highest bits.
      if (bytes.length === 32) blinds.push(bytes.slice());
      return bytes;
    }) as typeof randomFillSync;
    syncBuiltinESMExports();
    const done = await ask().finally(() => {
      crypto.randomFillSync = randomFillSync;
      syncBuiltinESMExports();
    });
    expect(blinds.length, "a blind a stage").to.be.at.least(3);
    const secret = done.secret.reveal();
    const secrets = new Map<string, Uint8Array>([
      ["input", encodeTensor(input)],
      ["job secret", secret],
      ["result key", resultKeyPair(nodeCrypto, done.secret).privateKey],
      ...blinds.map((blind, i): [string, Uint8Array] => [`blind ${i}`, blind]),
    ]);
    let boundary = values;
    for (const stage of [INPUT_BOUNDARY, 0, 1]) {
      secrets.set(`salt ${stage}`, boundarySalt(secret, stage, KIND_SALTED) ?? new Uint8Array());
      if (stage === INPUT_BOUNDARY) continue;
      boundary = model.runStage(stage, boundary);
      secrets.set(`boundary ${stage}`, encodeTensor({ ...input, data: Int8Array.from(boundary) }));
    }
    const places = new Map([["logs", Buffer.from(lines.join("\n"))]]);
    for (const file of readdirSync(journals)) places.set(file, readFileSync(join(journals, file)));
    const head = Number(await chain.rpc("eth_blockNumber", []));
    for (let number = 0; number <= head; number++) {
      const block = await chain.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, true]);
      places.set(`block ${number}`, Buffer.from(JSON.stringify(block)));
    }
    const events = await chain.rpc("eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest" }]);
    places.set("events", Buffer.from(JSON.stringify(events)));
    const everything = Buffer.concat([...places.values()]);
    // The search finds what is there: the job's id, and the public output.
    expect(everything.includes(done.jobId.slice(2))).to.equal(true);
    const output = encodeTensor({ ...input, data: Int8Array.from(model.run(values)) });
    expect(everything.includes(Buffer.from(output).toString("hex"))).to.equal(true);

    const found: string[] = [];
    for (const [place, bytes] of places)
      for (const [name, value] of secrets) {
        // Without its ends: tensors begin with their header, scalars end with cleared bits. Numbers as JSON lists them, too.
        const part = value.slice(1, -1);
        const forms = [
          Buffer.from(part),
          Buffer.from(toHex(part).slice(2)),
          Buffer.from(toHex(part.toReversed()).slice(2)),
        ];
        for (const cut of [0, 1, 2]) {
          const length = 3 * Math.floor((value.length - cut) / 3);
          forms.push(
            Buffer.from(
              Buffer.from(value)
                .subarray(cut, cut + length)
                .toString("base64")
                .slice(0, -4),
            ),
          );
        }
        forms.push(Buffer.from([...part].join()), Buffer.from([...new Int8Array(value.slice(-4).buffer)].join()));
        if (forms.some((form) => form.length > 5 && bytes.includes(form))) found.push(`${name} in ${place}`);
      }
    expect(found).to.deep.equal([]);
  });

  it("R24: the client proves the honest answer under a salt of its own, and no court hears it", async () => {
    for (const worker of cluster.workers) worker.behaviour = HONEST;
    const { hub } = chain.deployment;
    const secret = createJobSecret(nodeCrypto);
    let jobId: Hex = "0x";
    let tallied = 0;
    const attack = async (): Promise<string> => {
      const { job } = await wallet.getJob({ jobId });
      const event = { address: hub, abi: assayHubAbi, eventName: "StageTallied", args: { jobId } } as const;
      const events = await getContractEvents(wallet, { ...event, fromBlock: 0n, strict: true });
      const record = events.at(-1)?.args.record;
      const info = model.manifest.stages[0];
      if (record === undefined || info === undefined) throw new TypeError("nothing was voted");
      const output = { ...input, data: Int8Array.from(model.runStage(0, values)) };
      const ownSalt = new Uint8Array(31).fill(7);
      const salts = [boundarySalt(secret.reveal(), INPUT_BOUNDARY, KIND_SALTED), ownSalt];
      const outDigest = digestOf(KIND_SALTED, encodeTensor(output), ownSalt);
      expect(record.boundaries[0]).to.not.equal(outDigest);
      const claim = { jobId, stage: 0, inDigest: job.spec.inDigest, outDigest, worker: wallet.account.address };
      const domain = domainSeparator({ chainId: 31_337n, hub });
      const task = { modelId: modelId(model.manifest), stage: 0, claim, domain, inputs: [input], salts };
      const { signal } = new AbortController();
      const evidence = await prover.prove({ ...task, deadlineMs: Infinity, signal });
      // The proof is true: nothing in it says which salt the seats were given.
      const key = openKey(model.records[0] ?? "0x", info.keyId);
      verifyStageProof({ key, claim, domain, evidence: decodeProofEvidence(evidence) });
      const ruling = {
        kind: PROOF,
        prover: claim.worker,
        outDigest,
        outs: [],
        payloads: [],
        evidence: toHex(evidence),
      };
      const call = { address: hub, abi: assayHubAbi, functionName: "court", account: wallet.account } as const;
      return simulateContract(wallet, { ...call, args: [job, record, model.manifest.stages, 0, ruling] }).then(
        () => "heard",
        (error: unknown) => (error instanceof Error ? error.message : "failed"),
      );
    };
    let ended: Promise<string> | undefined;
    const done = await wallet.requestInferenceSync({
      policy: { k: 3, tWork: 40, window: 60 },
      manifest: model.manifest,
      input,
      secret,
      deposit: true,
      onProgress: (step) => {
        if (step.stage === "requested") ({ jobId } = step);
        if (step.stage !== "tallied" || ++tallied < 3) return;
        ended = attack();
        void ended.finally(() => void chain.rpc("evm_increaseTime", [120]));
      },
    });
    expect(await ended).to.include("CourtClosed");
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    expect(await getSlashed(cluster, jobId)).to.deep.equal([]);
  });
});
