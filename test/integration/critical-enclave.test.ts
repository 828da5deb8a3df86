// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { hexToBytes } from "viem";
import { getContractEvents, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import type { Chain } from "../../offchain/adapters/chain/chain.ts";
import { readEnclaveContracts } from "../../offchain/adapters/chain/enclave-contracts.ts";
import { joinAttesters, readBoard, readTerms } from "../../offchain/adapters/chain/verdict-board.ts";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { HttpTransport } from "../../offchain/adapters/net/http-transport.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { concatBytes } from "../../offchain/core/bytes.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { modelId } from "../../offchain/core/model.ts";
import {
  decodeProofStatus,
  encodeProofRequest,
  PROOF_PROTOCOL,
  proofMessageDigest,
  type ProofMessage,
} from "../../offchain/core/proof-wire.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { encodeReceipt, type ProvenTally } from "../../offchain/core/receipt.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { ENCLAVE, KIND_SALTED, PROOF, type ModelManifest } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import { QuoteServerProvider } from "../../offchain/engines/tee/provider/quote-server.ts";
import { fundBoard } from "../../offchain/node/attester/register-by-board.ts";
import { Attester } from "../../offchain/node/attester/serve-attester.ts";
import { loadConfig } from "../../offchain/node/config.ts";
import { checkEnclave } from "../../offchain/node/enclave/check-enclave.ts";
import { EnclaveKeeper } from "../../offchain/node/enclave/keep-enclave.ts";
import { endorseSimulated } from "../../offchain/node/enclave/open-enclave.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import { HONEST, type EnclaveAnswer, type EnclaveOrder, type EnclavePort, type Hex } from "../../offchain/protocol/ports.ts"; // prettier-ignore
import { SdkError } from "../../offchain/sdk/errors.ts";
import { findEnclaves, type EnclaveTrust } from "../../offchain/sdk/find-enclaves.ts";
import { createJobSecret, type JobSecret } from "../../offchain/sdk/job-secret.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { startSimulatedEnclaves, type SimulatedEnclaves } from "../../scripts/deploy/simulated-enclaves.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullMetrics, testClock, until, type ClusterOptions, type EnclaveParts, type TestWorker } from "../support/cluster/cluster.ts"; // prettier-ignore
import { provenModel, type ProvenModel } from "../support/cluster/proven-model.ts";
import { chainBytes, recordedJournal, recordedStore, recordingLogger } from "../support/cluster/recorded.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { expectCode } from "../support/expect-code.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { BUNDLE, startInner, type TestInner } from "../support/tee/inner.ts";

type Sealed = Parameters<EnclavePort["order"]>[2];

const WORKERS = 12;
/** From here on workers' enclaves are AWS's, whose evidence attesters judge; before it Intel's. */
const AWS_FROM = 9;
const ATTESTERS = 6;
const values = [3, -7, 50, 11];
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };

/** Judged by nobody but the chain too, and on a platform of its own, which is denied later. */
const DENIED = 8;
/** Have a second enclave each, of a model of several stages. */
const STAGED = [0, 1, 9, 10] as const;
const flip = (digest: Hex): Hex => `0x${digest.slice(2, -1)}${digest.endsWith("0") ? "1" : "0"}`;

describe("R62: critical jobs that a pair of enclaves answers", function suite() {
  this.timeout(300_000);
  const folder = temporaryFolder();
  let model: ProvenModel;
  let manifest: ModelManifest;
  let staged: ProvenModel;
  let stagedManifest: ModelManifest;
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let simulation: SimulatedEnclaves;
  let prover: StageProver;
  let isUp = false;
  const keepers: EnclaveKeeper[] = [];
  const stagedKeepers = new Map<number, EnclaveKeeper>();
  /** Whose enclave a job was ordered of. */
  const ordered = new Map<string, EnclaveKeeper>();
  const chains: Chain[] = [];
  const inners: TestInner[][] = Array.from({ length: WORKERS }, () => []);
  const logs: string[] = [];
  /** All that was ever written by a worker. */
  const written: Buffer[][] = Array.from({ length: WORKERS }, () => []);
  const secrets: JobSecret[] = [];
  const outputs: Tensor[] = [];
  /** Orders that enclaves opened, and for which jobs they proved. */
  const orders: { readonly index: number; readonly jobId: Hex; readonly input: Sealed; readonly order: EnclaveOrder }[] = []; // prettier-ignore
  const provings: { readonly index: number; readonly jobId: Hex }[] = [];
  /** How a worker's port is bent, who says that it can prove, and what happens at a named point. */
  let bend: (index: number, port: EnclavePort) => Partial<EnclavePort> = () => ({});
  let isAble: (index: number) => boolean = () => true;
  let onStep: (index: number, step: string) => void = () => undefined;

  function enclaveOf(i: number, modules: EnclaveParts): EnclavePort {
    const server = simulation.servers[i === DENIED ? 2 : i < AWS_FROM ? 0 : 1];
    if (server === undefined) throw new TypeError("no server");
    chains[i] = modules.chain;
    const keeperOf = (of: ProvenModel, its: ModelManifest): EnclaveKeeper =>
      new EnclaveKeeper(
        { modelId: modelId(its), renewBeforeSec: 3_600, watchMs: 200, simulatedAllowed: true, critical: true, proves: true }, // prettier-ignore
        {
          ...modules,
          metrics: nullMetrics,
          assertMayVote: async () => undefined,
          launch: async () => {
            const inner = startInner({
              manifest: its,
              stage: async (_, stage) => of.runner(stage),
              provider: new QuoteServerProvider({ url: server.url, bundleDigest: BUNDLE }),
              prover,
            });
            inners[i]?.push(inner);
            return inner.client;
          },
          endorse: async () => endorseSimulated(server.url),
        },
      );
    const keeper = keeperOf(model, manifest);
    keepers[i] = keeper;
    if (STAGED.some((one) => one === i)) stagedKeepers.set(i, keeperOf(staged, stagedManifest));
    const of = (jobId: Hex): EnclaveKeeper => ordered.get(`${i}/${jobId}`) ?? keeper;
    if (isUp) for (const one of [keeper, stagedKeepers.get(i)]) void one?.keep();
    const port: EnclavePort = {
      canProve: true,
      serves: (spec) => keeper.serves(spec) || stagedKeepers.get(i)?.serves(spec) === true,
      open: async (...args) => keeper.open(...args),
      order: async (jobId, job, given) => {
        const mine = stagedKeepers.get(i)?.serves(job.spec) === true ? stagedKeepers.get(i) : undefined;
        ordered.set(`${i}/${jobId}`, mine ?? keeper);
        const order = await of(jobId).order(jobId, job, given);
        orders.push({ index: i, jobId, input: given, order });
        return order;
      },
      run: async (jobId, ...args) => of(jobId).run(jobId, ...args),
      prove: async (jobId, ...args) => {
        provings.push({ index: i, jobId });
        return of(jobId).prove(jobId, ...args);
      },
      forget: (jobId) => of(jobId).forget(jobId),
    };
    const now = (): EnclavePort => ({ ...port, ...bend(i, port) });
    return {
      ...port,
      get canProve() {
        return isAble(i);
      },
      run: async (...args) => now().run(...args),
      prove: async (...args) => now().prove(...args),
    };
  }

  const options: ClusterOptions = {
    workers: WORKERS,
    http: true,
    logger: () => recordingLogger(logs),
    enclave: enclaveOf,
    journal: (i) => recordedJournal(written[i] ?? []),
    store: (i) => recordedStore(written[i] ?? []),
    checkpoint: (i, step) => onStep(i, step),
    models: () => ({ table: (id) => (id === modelId(stagedManifest) ? stagedManifest : manifest).stages }),
  };

  /** The first workers are attesters too, and judge what the others show. */
  async function registerAll(): Promise<void> {
    const [first] = chains;
    if (first === undefined) throw new TypeError("no worker");
    const board = await readBoard(first, await readEnclaveContracts(first));
    const { roots } = await endorseSimulated(simulation.servers[1]?.url ?? "");
    // The chain's clock is two days ahead of this machine's.
    const duty = { confirmations: 0, verdicts: 9, isLeaving: false, maxSkewSec: 10 ** 9, payEverySec: 0, spreadSec: 0, fromBlock: 0n, maxRange: 500, pollMs: 20 }; // prettier-ignore
    const attesters = await Promise.all(
      chains.slice(0, ATTESTERS).map(async (one) => {
        const account = one.sender?.address ?? "0x";
        const { stake } = await readTerms(one, board, account);
        await fundBoard(one, board, account, 10n * stake);
        await joinAttesters(one, board);
        const journal = new MemoryJournal({ clock: testClock });
        const modules = { chain: one, clock: testClock, roots, journal, logger: silentLogger, metrics: nullMetrics };
        return Attester.open(duty, { ...modules, random: () => 0 });
      }),
    );
    const all = [...keepers, ...stagedKeepers.values()];
    for (const keeper of all) void keeper.keep();
    await until(120_000, async () => {
      await chain.rpc("evm_mine");
      for (const one of attesters) await one.pass();
      return all.every(({ status }) => status !== null) ? true : null;
    });
  }

  before(async () => {
    model = await provenModel(1, folder);
    manifest = { ...model.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) };
    staged = await provenModel(3, folder);
    stagedManifest = { ...staged.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) };
    const isStaged = (id: Hex) => id === modelId(stagedManifest);
    prover = new StageProver(
      { keyFolder: folder, cacheFolder: folder, chainId: 31_337n, memoryMiB: 1_024, threads: 2, maxLoad: 8 },
      {
        logger: silentLogger,
        programs: {
          table: (id) => (isStaged(id) ? stagedManifest : manifest).stages,
          program: async (id, stage) => (isStaged(id) ? staged : model).programs[stage] ?? null,
        },
      },
    );
    chain = await startTestChain();
    const { public: publicClient, wallet: walletClient } = chain.clients(0);
    simulation = await startSimulatedEnclaves({
      publicClient,
      walletClient,
      deployment: chain.deployment,
      bundleDigests: [BUNDLE],
      seeds: [1, 2, 3].map((seed) => new Uint8Array(32).fill(seed)),
      formats: ["dcap-tdx-v4", "nitro-cose", "dcap-tdx-v4"],
      advance: async (seconds) => {
        await chain.rpc("evm_increaseTime", [seconds]);
        await chain.rpc("evm_mine");
      },
    });
    cluster = await Cluster.start(chain, options, manifest);
    wallet = await createRequester(chain);
    await wallet.waitForTransactionReceipt({ hash: await wallet.registerModel({ manifest: stagedManifest }) });
    // The first stage is the other model's too.
    for (const record of new Set([...model.records, ...staged.records])) {
      const add = { address: chain.deployment.keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
      await wallet.waitForTransactionReceipt({ hash: await writeContract(wallet, { ...add, args: [record] }) });
    }
    await registerAll();
    isUp = true;
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    bend = () => ({});
    isAble = () => true;
    onStep = () => undefined;
  });
  after(async () => {
    await cluster?.stop();
    for (const inner of inners.flat()) inner.client.close();
    await simulation?.close();
    await prover?.close();
    await chain?.close();
  });

  const request = async (change: Partial<Parameters<AssayWallet["requestInferenceSync"]>[0]> = {}) => {
    const secret = createJobSecret(nodeCrypto);
    secrets.push(secret);
    const done = await wallet.requestInferenceSync({
      preset: "critical-enclave",
      manifest,
      input,
      deposit: true,
      enclaves: { allowSimulated: true },
      secret,
      ...change,
    });
    outputs.push(done.output);
    return done;
  };
  const eventsOf = async (jobId: `0x${string}`) => {
    const filter = { address: chain.deployment.hub, abi: assayHubAbi, fromBlock: 0n, strict: true } as const;
    const all = await getContractEvents(wallet, filter);
    return all.filter(({ args }) => "jobId" in args && args.jobId === jobId);
  };

  /** Who proved and who seconded, by their places in the cluster. */
  const pairOf = async (jobId: Hex) => {
    const events = await eventsOf(jobId);
    const indexOf = (name: string) => {
      const event = events.find(({ eventName }) => eventName === name);
      const id = event !== undefined && "workerId" in event.args ? event.args.workerId : 0;
      return cluster.workers.findIndex(({ workerId }) => workerId === id);
    };
    return { prover: indexOf("Proven"), second: indexOf("Seconded") };
  };
  /** Ends a worker's running enclave of a model. */
  const kill = (index: number, its: ModelManifest) =>
    inners[index]?.findLast((inner) => inner.modelId === modelId(its))?.client.close();
  const isAws = (index: number) => index >= AWS_FROM;
  /** The right answer of a pair of two families, and nobody has lost anything. */
  const endsRight = async (done: Awaited<ReturnType<typeof request>>) => {
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const pair = await pairOf(done.jobId);
    expect(isAws(pair.prover)).to.not.equal(isAws(pair.second));
    expect(await getSlashed(cluster, done.jobId)).to.deep.equal([]);
    return pair;
  };
  const free = async () => wallet.getBalance({ account: wallet.account.address });
  const earned = async () =>
    Promise.all(
      cluster.workers.map(async ({ workerId }) => {
        const account = { address: chain.deployment.hub, abi: assayHubAbi, functionName: "account" } as const;
        return (await cluster.client.public.readContract({ ...account, args: [workerId] })).earned;
      }),
    );

  it("R62: default: two vendors and two operators say one digest, one proves it inside, and both are paid", async () => {
    const before = await earned();
    const done = await request();
    const { prover: a, second: b } = await endsRight(done);
    expect(provings).to.deep.equal([{ index: a, jobId: done.jobId }]);
    const after = await earned();
    const paid = after.flatMap((sum, i) => (sum > (before[i] ?? 0n) ? [i] : []));
    expect(paid).to.deep.equal([a, b].toSorted((one, other) => one - other));
    const receipt = await wallet.getReceipt({ jobId: done.jobId });
    expect(receipt.proofs.length).to.equal(1);
  });

  it("R59: behavior: the doctor's look at a deployment: Intel's files end, AWS's evidence needs attesters and tokens", async () => {
    const look = async (worker: number, server: number) => {
      const one = chains[worker] ?? expect.fail("no such worker");
      const { config } = loadConfig({
        flags: {
          "chain.rpcUrl": chain.url,
          "chain.id": "31337",
          "chain.hub": chain.deployment.hub,
          "node.development": "true",
          "work.models": "some",
          "enclave.provider": "simulated",
          "enclave.model": "some",
          "enclave.quoteServer": simulation.servers[server]?.url ?? "",
        },
      });
      return checkEnclave(one, one.sender?.address ?? "0x", config);
    };
    const intel = await look(AWS_FROM - 1, 0);
    expect(intel.ok, intel.fix).to.equal(true);
    expect(intel.detail).to.match(/^SIMULATED, some; files until 20[-0-9T:]+Z$/);
    // One who is an attester is not drawn for its own evidence.
    for (const [worker, others] of [
      [ATTESTERS, ATTESTERS],
      [0, ATTESTERS - 1],
    ] as const) {
      const aws = await look(worker, 1);
      expect(aws.ok, aws.fix).to.equal(true);
      expect(aws.detail).to.match(new RegExp(`^SIMULATED, some; ${others} attesters .a challenge takes 16.; [0-9]+ for verdicts of [0-9]+$`)); // prettier-ignore
    }
  });

  it("R62: error: PAIR_MISSING, and says what is missing: before anything is paid, or at once when the candidates are known", async () => {
    let isAwsTrusted = false;
    const enclaves: EnclaveTrust = {
      allowSimulated: true,
      verify: async ({ family }) => {
        if (family === "aws" && !isAwsTrusted) throw new SdkError("ENCLAVE_REFUSED", { worker: 0, why: "untrusted" });
      },
    };
    const before = [await free(), await earned()] as const;
    const head = await cluster.client.public.getBlockNumber();
    const refused = async () => {
      const error = await expectCode("PAIR_MISSING", async () => request({ enclaves, beforeDelivery: () => void (isAwsTrusted = false) })); // prettier-ignore
      return (error as { readonly meta: { readonly missing: string } }).meta.missing;
    };
    expect(await refused()).to.match(/one vendor's family, intel/);
    const requested = { address: chain.deployment.hub, abi: assayHubAbi, eventName: "JobRequested", fromBlock: head + 1n, strict: true } as const; // prettier-ignore
    expect(await getContractEvents(wallet, requested)).to.deep.equal([]);
    expect(await free()).to.equal(before[0]);
    // Trusted when the job was requested, and not any more: as if other twelve had been drawn.
    isAwsTrusted = true;
    const started = performance.now();
    expect(await refused()).to.match(/one vendor's family, intel/);
    expect(performance.now() - started).to.be.lessThan(15_000);
    const [event] = await getContractEvents(wallet, requested);
    if (event === undefined) return expect.fail("no job");
    const { jobId } = event.args;
    const escrowed = await free();
    await chain.rpc("evm_increaseTime", [900]);
    await cluster.ended({ id: jobId });
    expect(await earned()).to.deep.equal(before[1]);
    expect(await getSlashed(cluster, jobId)).to.deep.equal([]);
    expect((await free()) > escrowed).to.equal(true);
    return undefined;
  });

  it("R62: behavior: a second that says another digest is replaced by another of its family", async () => {
    isAble = (i) => !isAws(i);
    let liar: number | null = null;
    bend = (i, port) => ({
      run: async (jobId, stage) => {
        const answer = await port.run(jobId, stage);
        if (isAws(i)) liar ??= i;
        return i === liar ? { ...answer, outDigest: flip(answer.outDigest) } : answer;
      },
    });
    const done = await request();
    const { second } = await endsRight(done);
    expect(isAws(second)).to.equal(true);
    expect(second).to.not.equal(liar);
    expect(provings.filter(({ jobId }) => jobId === done.jobId).length).to.equal(1);
  });

  it("R62: behavior: an enclave that dies between its order and its result is replaced, and starts anew with other keys", async () => {
    isAble = (i) => !isAws(i);
    let dead: number | null = null;
    const keyOf = (i: number) => keepers[i]?.status?.key;
    let key: Hex | undefined;
    bend = (i, port) => ({
      run: async (jobId, stage) => {
        if (!isAws(i) && dead === null) {
          [dead, key] = [i, keyOf(i)];
          kill(i, manifest);
        }
        return port.run(jobId, stage);
      },
    });
    const done = await request();
    const { prover: a } = await endsRight(done);
    expect(a).to.not.equal(dead);
    await until(60_000, () => (keyOf(dead ?? -1) !== undefined && keyOf(dead ?? -1) !== key ? true : null));
  });

  it("R62, R71: behavior: a host that restarts after its enclave has proven submits what it kept, though the enclave's keys are gone", async () => {
    isAble = (i) => !isAws(i);
    let killed: number | null = null;
    onStep = (i, step) => {
      const old = cluster.workers[i];
      if (step !== "proven" || killed !== null || old === undefined) return;
      killed = i;
      old.behaviour = { ...HONEST, isSilent: true };
    };
    const asked = request();
    const index = await until(60_000, () => killed);
    const old = cluster.workers[index];
    if (old === undefined) return expect.fail("no worker");
    await old.stop();
    kill(index, manifest);
    const port = Number(new URL(old.address.url).port);
    const transport = new HttpTransport({ port }, { logger: silentLogger, identity: old.keys.transport });
    const { keys, workerId, journal, store } = old;
    cluster.workers[index] = await cluster.launch(index, { keys, workerId, transport }, options, { journal, store });
    const done = await asked;
    expect((await endsRight(done)).prover).to.equal(index);
    expect(provings.filter(({ jobId }) => jobId === done.jobId)).to.deep.equal([{ index, jobId: done.jobId }]);
    return undefined;
  });

  it("R62, R59: behavior: the part of a registration that was ended goes to another at once, the other part stays", async () => {
    isAble = (i) => i === DENIED;
    const { wallet: timelock, account } = chain.clients(0);
    bend = (i, port) => ({
      prove: async (...args) => {
        if (i === DENIED) {
          const { platformId } = await platformOf(i);
          const at = { address: simulation.deployment.images, abi: measurementRegistryAbi, functionName: "deny" } as const; // prettier-ignore
          const hash = await timelock.writeContract({ chain: null, account, ...at, args: [platformId] });
          await cluster.client.public.waitForTransactionReceipt({ hash });
          isAble = () => true;
        }
        return port.prove(...args);
      },
    });
    const platformOf = async (i: number) => {
      const worker = cluster.workers[i]?.keys.operator.address ?? "0x";
      const { timestamp } = await cluster.client.public.getBlock();
      const query = { hub: chain.deployment.hub, modelId: cluster.modelId, until: Number(timestamp), trust: { allowSimulated: true } }; // prettier-ignore
      const { found } = await findEnclaves(wallet, { ...query, workers: [worker] });
      return found.get(worker.toLowerCase()) ?? expect.fail("no enclave");
    };
    const done = await request();
    const { prover: a, second } = await endsRight(done);
    expect(a).to.not.equal(DENIED);
    const seconds = orders.filter(({ jobId, index }) => jobId === done.jobId && index === second);
    const signerOf = (i: number) => cluster.workers[i]?.keys.operator.address.toLowerCase();
    // Its own order, and the one that names the new prover.
    expect(seconds.map(({ order }) => order.pairs[0]?.prover)).to.deep.equal([signerOf(DENIED), signerOf(a)]);
    await until(20_000, () => (keepers[DENIED]?.status === null ? true : null));
  });

  it("R62, R75: error: foreign and replayed words are refused by code, and the job ends as ordered", async () => {
    const [earlier] = orders;
    if (earlier === undefined) return expect.fail("no order");
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const said = new Map<number, EnclaveAnswer>();
    bend = (i, port) => ({
      run: async (jobId, stage) => {
        const answer = await port.run(jobId, stage);
        said.set(i, answer);
        return answer;
      },
      prove: async (...args) => {
        await gate;
        return port.prove(...args);
      },
    });
    const from = orders.length;
    const asked = request();
    const [one] = await until(30_000, () => (orders.length >= from + 2 ? orders.slice(from) : null));
    if (one === undefined) return expect.fail("no order");
    const { jobId, order } = one;
    const at = (signer: Hex | undefined) => cluster.workers.findIndex(({ keys }) => keys.operator.address.toLowerCase() === signer); // prettier-ignore
    const [p, q] = [at(order.pairs[0]?.prover), at(order.pairs[0]?.second)];
    const [a, b] = [cluster.workers[p], cluster.workers[q]];
    const other = cluster.workers.find(({ index }) => index !== p && index !== q);
    if (a === undefined || b === undefined || other === undefined) return expect.fail("no pair");
    const answer = await until(30_000, () => said.get(q) ?? null);
    const call = async (request_: Parameters<typeof encodeProofRequest>[0]) => {
      const chunks: Uint8Array[] = [];
      const limits = { signal: AbortSignal.timeout(5_000), deadlineMs: 5_000, maxReplyBytes: 64 };
      for await (const chunk of cluster.dialler.call(a.address, PROOF_PROTOCOL, encodeProofRequest(request_), limits)) chunks.push(chunk); // prettier-ignore
      return decodeProofStatus(concatBytes(...chunks));
    };
    const refuses = async (code: string, request_: Parameters<typeof call>[0]) => {
      const error = await expectCode("REMOTE_FAILED", async () => call(request_));
      expect((error as { readonly meta: { readonly code: string } }).meta.code).to.equal(code);
    };
    const domain = domainSeparator({ chainId: 31_337n, hub: chain.deployment.hub });
    const message = (by: TestWorker, change: Partial<ProofMessage> = {}): ProofMessage => {
      const worker = by.keys.operator.address.toLowerCase() as Hex;
      const plain = { kind: "proof", jobId, stage: 0, worker, outDigest: answer.outDigest, evidence: hexToBytes(answer.evidence), ...change } as const; // prettier-ignore
      return { ...plain, signature: by.keys.operator.signDigest(proofMessageDigest(domain, plain)) };
    };
    const honest = message(b);
    // Another's name, the prover's own, a stage or a job that is none; no enclave's result; a stranger.
    const stranger = `0x${"ab".repeat(20)}` as const;
    for (const bad of [
      message(other, { worker: honest.worker }),
      message(a),
      message(b, { stage: 1 }),
      message(b, { evidence: new Uint8Array(97) }),
      message(b, { worker: stranger }),
      { ...honest, signature: message(b, { jobId: earlier.jobId }).signature },
    ])
      await refuses("STATEMENT_INVALID", bad);
    await refuses("SIGNATURE_INVALID", { ...honest, signature: new Uint8Array(64) });
    await refuses("JOB_UNKNOWN", { kind: "status", jobId: flip(jobId) });
    // A third candidate's word, under its own name, changes nothing; nor does a true one that comes three times.
    await call(message(other, { outDigest: flip(answer.outDigest) }));
    for (let n = 0; n < 3; n += 1) await call(honest);
    expect((await call({ kind: "status", jobId })).phases).to.deep.equal(["working", "proven"]);
    // Orders of an earlier job, by another sender, and the own one once more.
    const session = a.worker.desk.proofs.session(jobId);
    const take = async ({ blob, ...input_ }: Sealed) => session?.takeInside?.(blob, { ...input_, blob: "0x", bytes: blob.length }, false); // prettier-ignore
    await expectCode("ENCLAVE_REFUSED", async () => take(earlier.input));
    await expectCode("ENCLAVE_REFUSED", async () => take({ ...one.input, sender: honest.worker }));
    await expectCode("ENCLAVE_REFUSED", async () => take({ ...one.input, blob: one.input.blob.subarray(0, -1) }));
    await take(one.input);
    open();
    const done = await asked;
    expect(await endsRight(done)).to.deep.equal({ prover: p, second: q });
    return undefined;
  });

  const requestStaged = async () => request({ manifest: stagedManifest });
  /** Who proved and who seconded each stage. */
  const pairsOf = async (jobId: Hex) => {
    const named = new Map<string, number>();
    for (const { eventName, args } of await eventsOf(jobId))
      if ((eventName === "Proven" || eventName === "Seconded") && "stage" in args && "workerId" in args)
        named.set(
          `${eventName}/${args.stage}`,
          cluster.workers.findIndex(({ workerId }) => workerId === args.workerId),
        );
    const stages = [...staged.manifest.stages.keys()];
    return stages.map((stage) => [named.get(`Proven/${stage}`) ?? -1, named.get(`Seconded/${stage}`) ?? -1] as const);
  };
  const endsStaged = async (done: Awaited<ReturnType<typeof request>>) => {
    expect([...done.output.data].map(Number)).to.deep.equal(staged.run(values));
    const pairs = await pairsOf(done.jobId);
    for (const [a, b] of pairs) expect(isAws(a)).to.not.equal(isAws(b));
    expect(await getSlashed(cluster, done.jobId)).to.deep.equal([]);
    return pairs;
  };

  it("R62: default: of a model of three stages one pair runs all, with a proof each; the receipt is verified again from bytes", async () => {
    const done = await requestStaged();
    const [first, ...others] = await endsStaged(done);
    expect(others).to.deep.equal([first, first]);
    expect(provings.filter(({ jobId }) => jobId === done.jobId).length).to.equal(3);
    const told = orders.filter(({ jobId }) => jobId === done.jobId);
    expect(told.map(({ order }) => order.pairs.length)).to.deep.equal([3, 3]);
    const receipt = await wallet.getReceipt({ jobId: done.jobId });
    expect(receipt.proofs.map(({ tally, enclaves }) => [tally, enclaves.length])).to.deep.equal([[0, 1], [1, 1], [2, 1]]); // prettier-ignore
    const anchors = { simulatedRoots: simulation.roots, rpcUrl: chain.url, hub: chain.deployment.hub };
    const online = await verifyReceiptFile(encodeReceipt(receipt), anchors);
    expect(online.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    // One stage's proof, or pair, for another's.
    const [a, b, c] = receipt.proofs as [ProvenTally, ProvenTally, ProvenTally];
    for (const proofs of [
      [a, { ...b, enclaves: a.enclaves }, c],
      [a, { ...b, evidence: c.evidence }, c],
      [a, b],
    ]) {
      const { checks } = verifyReceipt({ ...receipt, proofs }, { recordHash: receipt.recordHash });
      expect(checks.every(({ ok }) => ok)).to.equal(false);
    }
  });

  it("R62: behavior: a second that agrees on the first stage and not on the next is replaced; what the chain counted stays", async () => {
    isAble = (i) => !isAws(i);
    let liar: number | null = null;
    bend = (i, port) => ({
      run: async (jobId, stage) => {
        const answer = await port.run(jobId, stage);
        if (isAws(i)) liar ??= i;
        if (i !== liar || stage === 0) return answer;
        // Not before the first stage stands.
        await until(30_000, async () => ((await pairsOf(jobId))[0]?.[0] === -1 ? null : true));
        return { ...answer, outDigest: flip(answer.outDigest) };
      },
    });
    const done = await requestStaged();
    const [[a, b], ...others] = (await endsStaged(done)) as [readonly [number, number], ...(readonly [number, number])[]]; // prettier-ignore
    expect(b).to.equal(liar);
    const other = STAGED.find((i) => isAws(i) && i !== liar);
    expect(others).to.deep.equal([[a, other], [a, other]]); // prettier-ignore
    expect(provings.filter(({ jobId }) => jobId === done.jobId).length).to.equal(3);
  });

  it("R62: behavior: a prover that dies between two stages is replaced: the next one runs all of them inside, and proves what is open", async () => {
    isAble = (i) => !isAws(i);
    let dead: number | null = null;
    bend = (i, port) => ({
      prove: async (jobId, stage, deadlineMs) => {
        if (stage === 1 && dead === null) {
          dead = i;
          await until(30_000, async () => ((await pairsOf(jobId))[0]?.[0] === -1 ? null : true));
          kill(i, stagedManifest);
        }
        return port.prove(jobId, stage, deadlineMs);
      },
    });
    const done = await requestStaged();
    const other = STAGED.find((i) => !isAws(i) && i !== dead);
    const pairs = await endsStaged(done);
    expect(pairs.map(([a]) => a)).to.deep.equal([dead, other, other]);
    expect(new Set(pairs.map(([, b]) => b)).size).to.equal(1);
  });

  it("R62, R50: behavior: no planted secret is on the hosts' side: logs, chain, journals, blobs or the wire to the enclaves", async () => {
    const middle = staged.runStage(0, values);
    const tensors = [values, middle, staged.runStage(1, middle)].map((data) => encodeTensor({ ...input, data: Int8Array.from(data) })); // prettier-ignore
    const salts = secrets.flatMap((secret) => [secret.reveal(), boundarySalt(secret.reveal(), INPUT_BOUNDARY, KIND_SALTED), ...[0, 1, 2].map((at) => boundarySalt(secret.reveal(), at, KIND_SALTED))]); // prettier-ignore
    const keys = inners.flat().flatMap((inner) => inner.secrets);
    expect(keys.length).to.be.greaterThan(3 * WORKERS);
    const hidden = [...tensors, ...outputs.map((output) => encodeTensor(output)), ...keys, ...salts.flatMap((salt) => salt ?? [])]; // prettier-ignore
    const places = new Map<string, Buffer>([["logs", Buffer.from(logs.join("\n"))]]);
    for (const [i, bytes] of (await chainBytes(cluster)).entries()) places.set(`chain ${i}`, bytes);
    for (const [i, all] of written.entries()) places.set(`journal and blobs ${i}`, Buffer.concat(all));
    for (const [i, all] of inners.entries()) places.set(`wire ${i}`, Buffer.concat(all.map(({ wire }) => wire())));
    expect([...places.values()].some((bytes) => bytes.includes("enclaveProofs"))).to.equal(true);
    expect(places.get("logs")?.includes("proof.generated")).to.equal(true);
    for (const [name, bytes] of places)
      for (const secret of hidden.map((one) => Buffer.from(one))) {
        expect(bytes.includes(secret), name).to.equal(false);
        expect(bytes.includes(secret.toString("hex")), `${name}, as hex`).to.equal(false);
        expect(bytes.includes(secret.toString("base64")), `${name}, as base64`).to.equal(false);
      }
  });
});
