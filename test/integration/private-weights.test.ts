// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { privateKeyToAccount } from "viem/accounts";
import { writeContract } from "viem/actions";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { PinoLogger } from "../../offchain/adapters/observe/pino-logger.ts";
import { SqliteJournal } from "../../offchain/adapters/store/sqlite-journal.ts";
import { provenChecks, readCheckFile, toldOf } from "../../offchain/cli/check-file.ts";
import { cipherCheck } from "../../offchain/cli/commands/cipher/check.ts";
import { json } from "../../offchain/cli/json.ts";
import { bigToBytes, fromHex, type Hex } from "../../offchain/core/bytes.ts";
import { encodeManifestFile } from "../../offchain/core/manifest.ts";
import { encodeStages } from "../../offchain/core/program/container.ts";
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import { KIND_SALTED, PROOF } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { loadStage } from "../../offchain/engines/program/executor.ts";
import { readManifest } from "../../offchain/engines/program/load-program.ts";
import { runReference } from "../../offchain/engines/program/reference-executor.ts";
import { compileRefresh } from "../../offchain/engines/she/compile/refresh-plan.ts";
import { KeyStore } from "../../offchain/engines/zk/keys/key-store.ts";
import { guardedShelf } from "../../offchain/node/guarded-shelf.ts";
import { KeyChecks } from "../../offchain/node/key-checks.ts";
import { openLinearChecks } from "../../offchain/node/open-linear-checks.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import type { ModelShelf } from "../../offchain/protocol/ports.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { captureCli } from "../support/capture-cli.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, testClock, type OwnerParts } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { placeOpenings, privateModel, type PrivateModel } from "../support/cluster/private-model.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { expectCode } from "../support/expect-code.ts";
import { Prng } from "../support/prng.ts";
import {
  dense,
  relu,
  retrained as retrainedTo,
  signedOut,
  stage as architectureOf,
} from "../support/small-architectures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const STAGES = 2;
const values = [3, -7, 50, 11];
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };
/** Workers that were given the opening of something else: one, so that its abstention never costs a vote its quorum. */
const MISLED = 1;
/** The worker of the owner of the third model: it serves linear checks to one client. */
const OWNER = 5;

describe("jobs of models with private weights", function suite() {
  this.timeout(300_000);
  const cache = temporaryFolder();
  const journals = temporaryFolder();
  const lines: string[] = [];
  const logger = PinoLogger.create({ level: "debug", format: "json", write: (line) => void lines.push(line) });
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let model: PrivateModel;
  /** The same architecture with other weights: no new key, no ceremony. */
  let retrained: PrivateModel;
  /** Its owner can prove linear checks. */
  let owned: PrivateModel;
  const provers: StageProver[] = [];
  /** Of linear checks: words that nobody but client and owner may learn. */
  const told = new Map<string, Uint8Array>();

  const modelOf = (id: Hex): PrivateModel | undefined => [model, retrained, owned].find((one) => one.id === id);
  const shelf: ModelShelf = {
    has: (id) => modelOf(id) !== undefined,
    exposure: () => [],
    table: (id) => modelOf(id)?.manifest.stages ?? null,
    stage: async (id, stage) => {
      const program = modelOf(id)?.programs[stage];
      if (program === undefined) return null;
      const loaded = loadStage(encodeProgram(program));
      return {
        maxInputBytes: 4096,
        run: async (inputs) => {
          const [output] = runReference(loaded, inputs).outputs;
          if (output === undefined) throw new TypeError("a stage without output");
          return { output, probe: null };
        },
      };
    },
  };
  const answerOf = ({ programs }: PrivateModel): number[] =>
    programs.reduce<number[]>((list, program) => {
      const tensor = { ...input, data: Int8Array.from(list) };
      return [...(runReference(loadStage(encodeProgram(program)), [tensor]).outputs[0]?.data ?? [])].map(Number);
    }, values);

  /** A worker as the node wires it: one set of checks for its votes and its proofs. */
  const equip = (openingsFolder: string) => {
    const options = { keyFolder: cache, cacheFolder: cache, chainId: 31_337n, memoryMiB: 1_024, threads: 2 };
    const modules = {
      logger,
      programs: {
        modelIds: [model.id, retrained.id, owned.id],
        table: (id: Hex) => shelf.table(id),
        program: async (id: Hex, stage: number) => modelOf(id)?.programs[stage] ?? null,
      },
    };
    const checks = new KeyChecks({ ...options, openingsFolder }, modules);
    const prover = new StageProver({ ...options, maxLoad: 8 }, { ...modules, checks });
    provers.push(prover);
    return { checks, prover, models: guardedShelf(shelf, checks) };
  };

  let owner: ReturnType<typeof openLinearChecks> = null;
  /** As `startNode` wires it. The checks that one address may have tell these small layers whole. */
  const openOwner = (prover: StageProver, parts: OwnerParts) => {
    const { hub } = chain.deployment;
    const config = {
      chain: { id: 31_337, hub },
      checks: { clients: [chain.account(3).address], allowance: "most" },
      store: { folder: journals },
    } as const;
    owner = openLinearChecks(config, { prover, ...parts });
    return owner?.desk;
  };

  before(async () => {
    model = await privateModel(STAGES, cache, { seed: 1, outKind: KIND_SALTED });
    retrained = await privateModel(STAGES, cache, { seed: 6, outKind: KIND_SALTED });
    const architecture = architectureOf([6], [dense(0, 6, 9, relu(9)), dense(1, 9, 8, signedOut(8))]);
    owned = await privateModel(1, cache, {
      seed: 9,
      outKind: KIND_SALTED,
      checked: [retrainedTo(architecture, new Prng(3))],
    });
    const [right, wrong] = [temporaryFolder(), temporaryFolder()];
    for (const { id, openings } of [model, retrained, owned]) placeOpenings(right, id, openings);
    // The first stage it could prove: one that it cannot prove is enough, for a client orders any.
    const mixed = (mine: PrivateModel, other: PrivateModel) => [
      ...mine.openings.slice(0, 1),
      ...other.openings.slice(1),
    ];
    placeOpenings(wrong, model.id, mixed(model, retrained));
    placeOpenings(wrong, retrained.id, mixed(retrained, model));
    const honest = equip(right);
    const misled = equip(wrong);
    await honest.checks.prepare();
    await misled.checks.prepare();
    chain = await startTestChain();
    const of = (i: number) => (i < MISLED ? misled : honest);
    cluster = await Cluster.start(
      chain,
      {
        workers: 13,
        http: true,
        prover: (i) => of(i).prover,
        models: (i) => of(i).models,
        logger: () => logger,
        checks: (i, parts) => (i === OWNER ? openOwner(honest.prover, parts) : undefined),
        // Without a cipher: what must never be at rest is not even handed to it.
        journal: (i) =>
          new SqliteJournal(
            { path: join(journals, `${i}.sqlite`), owner: `worker ${i}` },
            { clock: testClock, cipher: { seal: (plain) => plain.slice(), open: (sealed) => sealed.slice() } },
          ),
      },
      model.manifest,
    );
    wallet = await createRequester(chain);
    const mined = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
    const { keys } = chain.deployment;
    for (const record of new Set([...model.records, ...owned.records])) {
      const add = { address: keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
      await mined(writeContract(wallet, { ...add, args: [record] }));
    }
    await mined(wallet.registerModel({ manifest: retrained.manifest }));
    await mined(wallet.registerModel({ manifest: owned.manifest }));
    await mineEvery(chain, 250);
  });
  after(async () => {
    owner?.close();
    await cluster?.stop();
    for (const prover of provers) await prover.close();
    await chain?.close();
  });

  const misledIds = () => cluster.workers.slice(0, MISLED).map(({ workerId }) => workerId);
  const prove = async ({ manifest }: PrivateModel) => {
    const steps: InferenceProgress[] = [];
    const done = await wallet.requestInferenceSync({
      preset: "critical-proof",
      manifest,
      input,
      deposit: true,
      onProgress: (step) => {
        steps.push(step);
        if (step.stage !== "input delivered") return;
        // Who could not open the commitment does not even follow the job.
        for (const { worker } of cluster.workers.slice(0, MISLED))
          expect(worker.desk.proofs.sessions).to.have.length(0);
      },
      timeoutMs: 120_000,
    });
    const workers = steps.flatMap((step) => (step.stage === "proven" ? [step.workerId] : []));
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    return { done, workers, receipt };
  };

  it("default: workers with the opening prove every stage; the receipt verifies offline, under this commitment only", async () => {
    const { done, workers, receipt } = await prove(model);
    expect([...done.output.data].map(Number)).to.deep.equal(answerOf(model));
    expect(done.job.spec.policy.mask).to.equal(PROOF);
    expect(workers).to.have.length(STAGES);
    for (const id of misledIds()) expect(workers).to.not.include(id);
    expect(verifyReceipt(receipt).ok, JSON.stringify(verifyReceipt(receipt))).to.equal(true);
  });

  it("behavior: a retrained model has its own commitment and the old keys", async () => {
    expect(retrained.records).to.deep.equal(model.records);
    for (const [i, { weightsX, keyId }] of retrained.manifest.stages.entries()) {
      expect(weightsX).to.not.equal(model.manifest.stages[i]?.weightsX);
      expect(keyId).to.equal(model.manifest.stages[i]?.keyId);
    }
    expect(answerOf(retrained)).to.not.deep.equal(answerOf(model));
    const { done, workers, receipt } = await prove(retrained);
    expect([...done.output.data].map(Number)).to.deep.equal(answerOf(retrained));
    for (const id of misledIds()) expect(workers).to.not.include(id);
    expect(verifyReceipt(receipt).ok, JSON.stringify(verifyReceipt(receipt))).to.equal(true);
  });

  it("behavior: in a vote, seats that could not open the commitment abstain, and nobody loses stake", async () => {
    const done = await wallet.requestInferenceSync({
      policy: { k: 5, tWork: 40, window: 2 },
      manifest: model.manifest,
      input,
      deposit: true,
      timeoutMs: 120_000,
    });
    expect([...done.output.data].map(Number)).to.deep.equal(answerOf(model));
    expect(await getSlashed(cluster, done.jobId)).to.deep.equal([]);
  });

  it("R43: a client gets a linear check over the network, finds a wrong encrypted stage by it, and no more of them than it may", async () => {
    const [program = expect.fail("no program")] = owned.programs;
    const { circuitHash, checks: operators } = await new KeyStore({
      keyFolder: cache,
      cacheFolder: cache,
      chainId: 31_337n,
    }).compile(program, { weights: "private", linearCheck: true, inKinds: ["SALTED"], outKind: "SALTED" });
    const wish = { workerId: cluster.workers[OWNER]?.workerId ?? 0, manifest: owned.manifest, stage: 0 };
    const asked = { ...wish, circuit: { circuitHash, operators }, ops: [0, 1] };
    // By command, by a client that has the architecture with other weights; its file keeps what it was told.
    const folder = temporaryFolder();
    const at = (name: string): string => join(folder, name);
    const { tools } = readManifest(readFileSync(new URL("../../models/digits-mlp/manifest.json", import.meta.url)));
    writeFileSync(at("manifest.json"), encodeManifestFile(owned.manifest, tools));
    const shapes = architectureOf([6], [dense(0, 6, 9, relu(9)), dense(1, 9, 8, signedOut(8))]);
    writeFileSync(at("program"), encodeStages([encodeProgram(retrainedTo(shapes, new Prng(77)))]));
    for (const [name, index] of Object.entries({ client: 3, other: 2 }))
      writeFileSync(at(`${name}.key`), chain.account(index).privateKey, { mode: 0o600 });
    const { hub } = chain.deployment;
    const askFor = async (out: string, worker: number, key = "client.key") => {
      const access = ["--rpc", chain.url, "--hub", hub, "--key-file", at(key), "--cache", cache];
      const argv = ["cipher", "check", folder, "--worker", String(worker), "--out", at(out), ...access, "--json"];
      const done = await captureCli([cipherCheck], argv);
      const { error } = JSON.parse(done.out) as { error?: { code: string; message: string } };
      return { code: done.code, error: error?.code, why: /: (\w+)[^:]*\.$/u.exec(error?.message ?? "")?.[1] };
    };
    expect(await askFor("a.check", wish.workerId)).to.deep.equal({ code: 0, error: undefined, why: undefined });
    expect(statSync(at("a.check")).mode & 0o077).to.equal(0);
    const file = readCheckFile(at("a.check"));
    const seed = fromHex(file.seed);
    const chainId = 31_337;
    const inFile = provenChecks("a.check", file, owned.manifest, { chainId, hub });
    const { checks, proof } = await wallet.requestLinearCheck({ ...asked, seed });
    expect(toldOf(proof).u).to.deep.equal(file.told?.u);
    // Refused, each with what to do; nothing that was told before is lost.
    const refused = { code: 1, error: "LINEAR_CHECK_REFUSED" };
    expect(await askFor("b.check", wish.workerId)).to.deep.equal({ ...refused, why: "CHECKS_SPENT" });
    expect(await askFor("c.check", wish.workerId, "other.key")).to.deep.equal({
      ...refused,
      why: "LINEAR_CHECK_STRANGER",
    });
    expect(await askFor("d.check", cluster.workers[OWNER + 1]?.workerId ?? 0)).to.deep.include(refused);
    expect(await askFor("a.check", wish.workerId)).to.deep.include({ code: 2, error: "FILE_EXISTS" });
    // Interrupted before the answer: asked again under the same seed, which is free.
    writeFileSync(at("e.check"), json({ ...file, told: null }), { mode: 0o600 });
    expect(await askFor("e.check", wish.workerId)).to.deep.include({ code: 0 });
    expect(readCheckFile(at("e.check")).told?.u).to.deep.equal(file.told?.u);
    const bytes = readFileSync(at("a.check"));
    writeFileSync(at("cut.check"), bytes.subarray(0, bytes.length - 9), { mode: 0o600 });
    await expectCode("FILE_UNREADABLE", () => readCheckFile(at("cut.check")));
    writeFileSync(at("open.check"), bytes, { mode: 0o644 });
    await expectCode("KEY_FILE_OPEN", () => readCheckFile(at("open.check")));
    const { told: saved = expect.fail("no answer") } = file as { told?: NonNullable<typeof file.told> };
    const changed =
      (more: Partial<typeof file>, manifest = owned.manifest, chain2 = chainId) =>
      () =>
        provenChecks("x.check", { ...file, ...more }, manifest, { chainId: chain2, hub });
    await expectCode("CHECKS_UNFIT", changed({ told: null }));
    await expectCode("CHECKS_UNFIT", changed({}, model.manifest));
    await expectCode("CHECKS_UNFIT", changed({}, owned.manifest, 1));
    await expectCode("LINEAR_CHECK_REJECTED", changed({ seed: `0x${"5e".repeat(32)}` }));
    await expectCode("LINEAR_CHECK_REJECTED", changed({ told: { ...saved, u: saved.u.with(0, 1n) } }));
    await expectCode("STATEMENT_MISMATCH", changed({ told: { ...saved, u: saved.u.slice(1) } }));
    await expectCode("STATEMENT_MISMATCH", changed({ told: { ...saved, circuitHash: model.id } }));
    await expectCode("KEY_MISMATCH", changed({ told: { ...saved, key: model.records[0] ?? "0x" } }));
    told.set("seed", seed);
    for (const [i, word] of proof.words.u.entries()) told.set(`u[${i}]`, bigToBytes(word, 32));
    const x = [40, -3, 127, 0, -127, 9];
    for (const { op, map } of compileRefresh(program)) {
      const check = checks.get(op ?? -1) ?? expect.fail("no check");
      const kept = inFile.get(op ?? -1) ?? expect.fail("no check in the file");
      const own = op === 0 ? x : Array.from({ length: 9 }, (_, i) => 11 * i);
      const y = map.rows.map(({ columns, weights }, o) =>
        columns.reduce((sum, column, k) => sum + (weights[k] ?? 0) * (own[column] ?? 0), Number(map.bias[o])),
      );
      expect([check.holds(own, y), kept.holds(own, y), kept.holds(own, y.with(0, 1e6))]).to.deep.equal([
        true,
        true,
        false,
      ]);
      for (const o of y.keys()) expect(check.holds(own, y.with(o, (y[o] ?? 0) + 1))).to.equal(false);
    }
    // Another check of the same layers is one too many. (What was lost was asked again under its seed, above.)
    const why = async (parameters: Parameters<typeof wallet.requestLinearCheck>[0]) => {
      const error = await expectCode("LINEAR_CHECK_REFUSED", () => wallet.requestLinearCheck(parameters));
      return (error as { meta: { why: string } }).meta.why;
    };
    expect(await why(asked)).to.equal("CHECKS_SPENT");
    const stranger = privateKeyToAccount(chain.account(2).privateKey);
    expect(await why({ ...asked, account: stranger })).to.equal("LINEAR_CHECK_STRANGER");
    // Committed weights, but its key is of the mode without checks.
    expect(await why({ ...asked, manifest: model.manifest })).to.equal("STATEMENT_WRONG");
    expect(await why({ ...asked, workerId: cluster.workers[OWNER + 1]?.workerId ?? 0 })).to.match(/^status 404/u);
    await expectCode("STATEMENT_MISMATCH", () =>
      wallet.requestLinearCheck({ ...asked, seed, circuit: { circuitHash: model.id, operators } }),
    );
  });

  it("behavior: blinds, weights and what linear checks tell are in no log, journal, calldata or event", async () => {
    const secrets = new Map<string, Uint8Array>(told);
    for (const [name, { openings, programs }] of Object.entries({ model, retrained })) {
      for (const [i, { blind }] of openings.entries()) secrets.set(`blind ${i} of ${name}`, blind);
      for (const [i, { ops }] of programs.entries())
        for (const op of ops)
          if (op.kind === "dense")
            secrets.set(
              `weights ${i} of ${name}`,
              Uint8Array.from(op.weights, (w) => w & 0xff),
            );
    }
    expect(secrets.size).to.equal(4 * STAGES + told.size);
    expect(told.size).to.equal(1 + 6 + 1 + 9 + 1);
    const places = new Map([["logs", Buffer.from(lines.join("\n"))]]);
    for (const file of readdirSync(journals)) places.set(file, readFileSync(join(journals, file)));
    const head = Number(await chain.rpc("eth_blockNumber", []));
    for (let number = 0; number <= head; number++) {
      const block = await chain.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, true]);
      places.set(`block ${number}`, Buffer.from(JSON.stringify(block)));
    }
    places.set("events", Buffer.from(JSON.stringify(await chain.rpc("eth_getLogs", [{ fromBlock: "0x0" }]))));
    const everything = Buffer.concat([...places.values()]);
    // The search finds what is there: the registered commitment.
    expect(everything.includes(model.manifest.stages[0]?.weightsX.slice(2) ?? "")).to.equal(true);
    expect(everything.includes("weights.refused")).to.equal(true);
    const found: string[] = [];
    for (const [place, bytes] of places)
      for (const [name, value] of secrets) {
        const part = Buffer.from(value).subarray(1, -1);
        const forms = [part, part.toReversed()].flatMap((one) => [
          Buffer.from(one),
          Buffer.from(Buffer.from(one).toString("hex")),
          Buffer.from([...one].join()),
          Buffer.from([...new Int8Array(Uint8Array.from(one).buffer)].join()),
        ]);
        for (const cut of [0, 1, 2]) {
          const text = Buffer.from(value).subarray(cut, cut + 3 * Math.floor((value.length - cut) / 3));
          forms.push(Buffer.from(text.toString("base64")));
        }
        if (forms.some((form) => bytes.includes(form))) found.push(`${name} in ${place}`);
      }
    expect(found).to.deep.equal([]);
  });
});
