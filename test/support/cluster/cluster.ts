// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { hashTypedData, parseCompactSignature, toHex, hexToBytes, zeroHash, zeroAddress } from "viem";
import { devTokenAbi } from "../../../offchain/adapters/chain/abi/dev-token.ts";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { modelRegistryAbi } from "../../../offchain/adapters/chain/abi/model-registry.ts";
import { workerBeaconAbi } from "../../../offchain/adapters/chain/abi/worker-beacon.ts";
import { stakeVaultAbi } from "../../../offchain/adapters/chain/abi/stake-vault.ts";
import type { Chain } from "../../../offchain/adapters/chain/chain.ts";
import { createChain } from "../../../offchain/adapters/chain/create-chain.ts";
import { OpenKeyRing } from "../../../offchain/adapters/keys/key-ring.ts";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import { batchFlags } from "../../../offchain/core/batch.ts";
import { boundaryDigest, encodeBatch } from "../../../offchain/core/batch-tensors.ts";
import { splitBlob } from "../../../offchain/core/blob.ts";
import { encodePut, PUT_PROTOCOL } from "../../../offchain/core/blob-put.ts";
import { domainSeparator } from "../../../offchain/core/eip712.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest } from "../../../offchain/core/envelope.ts";
import { jobId as jobIdOf } from "../../../offchain/core/job.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL } from "../../../offchain/core/messages.ts";
import { modelId as modelIdOf } from "../../../offchain/core/model.ts";
import { jobTable } from "../../../offchain/core/network-part.ts";
import { concatBytes } from "../../../offchain/core/bytes.ts";
import type { PeerAddress, Transport } from "../../../offchain/core/ports/transport.ts";
import { HttpTransport } from "../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../offchain/adapters/net/libp2p-transport.ts";
import type { BlobStore } from "../../../offchain/core/ports/blob-store.ts";
import type { Clock } from "../../../offchain/core/ports/clock.ts";
import type { Journal } from "../../../offchain/core/ports/journal.ts";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import type { Metrics } from "../../../offchain/core/ports/metrics.ts";
import { sealBlob, sealContext } from "../../../offchain/core/seal.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { Secret } from "../../../offchain/core/secret.ts";
import { signDigest } from "../../../offchain/core/signature.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import {
  FLAG_STANDBY,
  KIND_PUBLIC,
  OPTIMISTIC,
  type DigestKind,
  type Job,
  type ModelManifest,
  type StageInfo,
} from "../../../offchain/core/types.ts";
import { BeaconSecrets } from "../../../offchain/node/beacon/beacon-secrets.ts";
import type { LinearCheckDesk } from "../../../offchain/node/linear-check-desk.ts";
import { Worker } from "../../../offchain/node/worker.ts";
import type { TracePort } from "../../../offchain/protocol/referee-ports.ts";
import {
  HONEST,
  type BlobPort,
  type EnclavePort,
  type Hex,
  type ModelShelf,
  type ProofPort,
  type SeatBehaviour,
  type WatchMode,
} from "../../../offchain/protocol/ports.ts";
import { fund, type TestChain } from "./chain.ts";
import { LocalNetwork } from "./local-network.ts";
import { memoryBlobs, memoryStore } from "./memory-blobs.ts";

const REWARD = 1_000_000_000_000_000n;
const FIRST_WORKER = 10;
const REQUESTER = 1;
const silent = () => undefined;

export const testClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }),
};

const describe = (error: unknown) => (error instanceof Error ? error.message : "");

export const nullLogger: Logger = {
  debug: (evt, fields) =>
    process.env["ASSAY_TEST_LOG"] === "2"
      ? process.stderr.write(
          `${evt} ${JSON.stringify(fields, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v instanceof Error ? v.message : v))}\n`,
        )
      : undefined,
  info: silent,
  warn: (evt, fields) =>
    process.env["ASSAY_TEST_LOG"] === "1"
      ? process.stderr.write(`${evt} ${describe(fields?.error)} ${fields?.step ?? ""}\n`)
      : undefined,
  error: (evt, fields) =>
    process.env["ASSAY_TEST_LOG"] === "1" ? process.stderr.write(`${evt} ${describe(fields?.error)}\n`) : undefined,
  child: () => nullLogger,
};
export const nullMetrics: Metrics = { count: silent, set: silent, observe: silent };

/** A stage that adds one to each element: enough to see whether the right input went through the right stages. */
export const addOne: ModelShelf["stage"] = async () => ({
  maxInputBytes: 4096,
  run: async ([input]) => {
    const data = Int8Array.from(input?.data ?? [], (value) => value + 1);
    return { output: { dtype: "i8", dims: [data.length], data }, probe: null };
  },
});

export function testManifest(stages: number): ModelManifest {
  const info = (i: number): StageInfo => ({
    place: 0,
    inKind: 2,
    outKind: 2,
    probe: 0xffff,
    kernel: toHex(i + 1, { size: 32 }),
    keyId: zeroHash,
    weightsX: zeroHash,
    weightsY: zeroHash,
    producers: [i === 0 ? JOB_INPUT : i - 1],
  });
  return {
    name: `add-one-${stages}`,
    programRoot: toHex(stages, { size: 32 }),
    stages: Array.from({ length: stages }, (_, i) => info(i)),
    // Only a model of one stage can be sampled.
    acceptedMasks: (1 << 1) | (stages === 1 ? 1 << OPTIMISTIC : 0),
    workUnits: 1n,
    weightsHash: toHex(7, { size: 32 }),
    reportHash: toHex(8, { size: 32 }),
    toolsHash: toHex(9, { size: 32 }),
  };
}

export interface TestWorker {
  readonly index: number;
  readonly worker: Worker;
  readonly workerId: number;
  readonly journal: Journal;
  readonly keys: OpenKeyRing;
  readonly address: PeerAddress;
  readonly identity: Identity;
  readonly store: BlobStore;
  behaviour: SeatBehaviour;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly workers: number;
  readonly stages?: number;
  readonly models?: (index: number) => Partial<ModelShelf>;
  readonly prover?: (index: number) => ProofPort | null;
  readonly enclave?: (index: number, modules: EnclaveParts) => EnclavePort | null;
  /** A model's owner, who serves linear checks. */
  readonly checks?: (index: number, modules: OwnerParts) => Pick<LinearCheckDesk, "answer"> | undefined;
  /** Real HTTP on loopback between the workers. */
  readonly http?: boolean;
  /** Real libp2p on loopback between the workers. */
  readonly libp2p?: boolean;
  readonly claimEveryMs?: number;
  readonly upkeep?: boolean;
  readonly watch?: WatchMode;
  /** Called at each named point of the journal; what it throws ends the step there. */
  readonly checkpoint?: (index: number, step: string) => void;
  /** The chain was deployed with `randomness: "workers"`: registers everybody's hash chain and seats the first duty. */
  readonly beacon?: boolean;
  readonly maxWaiting?: number;
  /** Plays games about ciphertexts, with all that a worker's account holds. */
  readonly traces?: (index: number, modules: { readonly journal: Journal; readonly blobs: BlobPort }) => TracePort;
  /** Largest sealed blob taken; 1 MiB by default. */
  readonly maxBlobBytes?: number;
  readonly store?: (index: number) => BlobStore;
  readonly journal?: (index: number) => Journal;
  readonly clock?: (index: number) => Clock;
  readonly logger?: (index: number) => Logger;
  /** Enlisted but run elsewhere, after those of this process. */
  readonly remote?: { readonly transportId: Hex; readonly sealKey: Hex; readonly url: string };
}

/** What an enclave's keeper shares with its worker. */
export interface EnclaveParts {
  readonly chain: Chain;
  readonly keys: OpenKeyRing;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What an owner's desk shares with its worker. */
export interface OwnerParts {
  readonly keys: OpenKeyRing;
  readonly crypto: typeof nodeCrypto;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface Identity {
  readonly keys: OpenKeyRing;
  readonly workerId: number;
  readonly transport: Transport;
}

/** Workers of one process over one chain, one network and one blob store. */
export class Cluster {
  readonly chain: TestChain;
  readonly network = new LocalNetwork();
  readonly workers: TestWorker[] = [];
  /** Calls workers as a client does. */
  dialler: Transport = this.network.transport("client");
  readonly manifest: ModelManifest;
  readonly modelId: Hex;
  readonly client: ReturnType<TestChain["clients"]>;
  #nonce = 1n;
  #seq = 1n;

  private constructor(chain: TestChain, manifest: ModelManifest) {
    this.chain = chain;
    this.manifest = manifest;
    this.modelId = modelIdOf(manifest);
    this.client = chain.clients(REQUESTER);
  }

  /** `manifest`: the real model of a worker that runs elsewhere. */
  static async start(chain: TestChain, options: ClusterOptions, manifest?: ModelManifest): Promise<Cluster> {
    const cluster = new Cluster(chain, manifest ?? testManifest(options.stages ?? 1));
    if (options.http === true) cluster.dialler = new HttpTransport({}, { logger: nullLogger });
    if (options.libp2p === true) cluster.dialler = new Libp2pTransport({}, { logger: nullLogger });
    await cluster.dialler.start();
    await cluster.#prepare();
    const identities = [];
    for (let i = 0; i < options.workers; i += 1) identities.push(await cluster.#enlist(i, options));
    if (options.remote !== undefined) await cluster.#enlist(options.workers, options, options.remote);
    if (options.beacon === true)
      for (const [i, { keys, workerId }] of identities.entries()) await cluster.#registerChain(i, keys, workerId);
    await cluster.#write("vault", stakeVaultAbi, "advanceEpoch", []);
    if (options.beacon === true) await cluster.#seatDuty();
    for (const [i, identity] of identities.entries()) cluster.workers.push(await cluster.launch(i, identity, options));
    return cluster;
  }

  async #write(
    contract: "vault" | "hub" | "token" | "registry" | "randomness",
    abi: readonly unknown[],
    functionName: string,
    args: readonly unknown[],
    from = REQUESTER,
  ) {
    const { wallet, account, public: reader } = this.chain.clients(from);
    const hash = await wallet.writeContract({
      chain: null,
      account,
      address: this.chain.deployment[contract],
      abi: abi as never,
      functionName,
      args,
    });
    return reader.waitForTransactionReceipt({ hash });
  }

  async #registerChain(i: number, keys: OpenKeyRing, workerId: number): Promise<void> {
    const { randomness } = this.chain.deployment;
    const head = new BeaconSecrets({ beacon: randomness, workerId }, keys).headFrom(1);
    await this.#write("randomness", workerBeaconAbi, "registerChain", [workerId, head], FIRST_WORKER + i);
  }

  /** By the block alone: there is no former duty. */
  async #seatDuty(): Promise<void> {
    await this.#write("randomness", workerBeaconAbi, "summon", []);
    await this.chain.rpc("hardhat_mine", ["0x8"]);
    await this.#write("randomness", workerBeaconAbi, "seat", []);
  }

  async #prepare(): Promise<void> {
    const { account } = this.client;
    await this.#write("registry", modelRegistryAbi, "register", [this.manifest]);
    await this.#write("token", devTokenAbi, "mint", [account.address, 10n ** 24n]);
    await this.#write("token", devTokenAbi, "approve", [this.chain.deployment.hub, 10n ** 24n]);
    await this.#write("hub", assayHubAbi, "deposit", [10n ** 21n]);
  }

  async #enlist(i: number, options: ClusterOptions, remote?: ClusterOptions["remote"]): Promise<Identity> {
    const index = FIRST_WORKER + i;
    const { address, privateKey } = this.chain.account(index);
    await fund(this.chain, address);
    const keys = new OpenKeyRing(
      {
        operator: new Secret(hexToBytes(privateKey)),
        transport: new Secret(randomBytes(32)),
        seals: [new Secret(randomBytes(32))],
      },
      { crypto: nodeCrypto },
    );
    const modules = { logger: nullLogger, identity: keys.transport };
    const transport =
      options.http === true
        ? new HttpTransport({}, modules)
        : options.libp2p === true
          ? new Libp2pTransport({}, modules)
          : this.network.transport(`w${i}`);
    const [own] = remote === undefined ? await transport.start() : [];
    const { vault, hub, chainId } = this.chain.deployment;
    const digest = hashTypedData({
      domain: { name: "Assay Vault", version: "1", chainId, verifyingContract: vault },
      types: { Register: [{ name: "owner", type: "address" }] },
      primaryType: "Register",
      message: { owner: address },
    });
    const { r, yParityAndS } = parseCompactSignature(toHex(keys.operator.signDigest(hexToBytes(digest))));
    const { timestamp } = await this.client.public.getBlock();
    const profile = {
      transportId: remote?.transportId ?? keys.transport.id,
      sealKey: remote?.sealKey ?? toHex(keys.sealKeys[0]?.publicKey ?? new Uint8Array()),
      capabilities: 0n,
      expiry: Number(timestamp) + 31_536_000,
      endpoints: remote?.url ?? own?.url ?? "",
    };
    await this.#write("vault", stakeVaultAbi, "register", [address, profile, r, yParityAndS], index);
    const workerId = await this.client.public.readContract({
      address: vault,
      abi: stakeVaultAbi,
      functionName: "workerOf",
      args: [address],
    });
    const stake = await this.client.public.readContract({
      address: vault,
      abi: stakeVaultAbi,
      functionName: "minimumStake",
    });
    await this.#write("token", devTokenAbi, "mint", [address, stake * 2n], index);
    await this.#write("token", devTokenAbi, "approve", [vault, stake], index);
    await this.#write("vault", stakeVaultAbi, "stake", [workerId, stake], index);
    await this.#write("token", devTokenAbi, "approve", [hub, stake], index);
    await this.#write("hub", assayHubAbi, "deposit", [stake / 2n], index);
    const tickets = await this.client.public.readContract({
      address: vault,
      abi: stakeVaultAbi,
      functionName: "ticketsFor",
      args: [stake],
    });
    await this.#write(
      "vault",
      stakeVaultAbi,
      "applyChanges",
      [[{ workerId, ticketClass: 0, add: tickets, remove: [] }]],
      index,
    );
    return { keys, workerId, transport };
  }

  /** As after a crash of the process: journal and blobs stay, memory does not. */
  async restart(old: TestWorker, options: ClusterOptions = { workers: 0 }): Promise<TestWorker> {
    await old.stop();
    const { keys, workerId, journal, store } = old;
    const identity = { keys, workerId, transport: this.network.transport(`w${old.index}`) };
    const next = await this.launch(old.index, identity, options, { journal, store });
    this.workers[old.index] = next;
    return next;
  }

  async launch(
    i: number,
    { keys, workerId, transport }: Identity,
    options: ClusterOptions,
    kept: { readonly journal?: Journal; readonly store?: BlobStore } = {},
  ): Promise<TestWorker> {
    const clock = options.clock?.(i) ?? testClock;
    const logger = options.logger?.(i) ?? nullLogger;
    const journal = kept.journal ?? options.journal?.(i) ?? new MemoryJournal({ clock: testClock });
    const store = kept.store ?? options.store?.(i) ?? memoryStore(testClock);
    const blobs = memoryBlobs(testClock, transport, store);
    const stop = new AbortController();
    const { signal } = stop;
    const modules = { clock, random: Math.random, signal, logger };
    const chain = await createChain(
      { rpcUrl: this.chain.url, chainId: 31337, hub: this.chain.deployment.hub, pollMs: 50 },
      { ...modules, signer: keys.operator, journal },
    );
    const { manifest } = this;
    const traces = options.traces?.(i, { journal, blobs });
    const worker = new Worker(
      {
        fromBlock: BigInt(this.chain.deployment.fromBlock),
        confirmations: 0,
        maxRange: 500,
        pollMs: 60,
        claimEveryMs: options.claimEveryMs ?? 0,
        upkeep: options.upkeep ?? false,
        bondLimit: 2n ** 128n,
        desk: {
          input: { maxBlobBytes: options.maxBlobBytes ?? 1 << 20, maxPending: 64, maxPendingPerPeer: 32 },
          work: { maxRunning: 1, maxWaiting: options.maxWaiting ?? 16 },
          maxTracked: 1000,
          tickMs: 50,
        },
      },
      {
        chain,
        transport,
        journal,
        keys,
        blobs,
        crypto: nodeCrypto,
        prover: options.prover?.(i) ?? null,
        enclave: options.enclave?.(i, { chain, keys, transport, clock, logger, signal }) ?? null,
        checks: options.checks?.(i, { keys, crypto: nodeCrypto, clock, logger, signal }),
        ...(traces === undefined ? {} : { traces }),
        models: {
          has: () => true,
          table: () => jobTable(manifest),
          stage: addOne,
          exposure: () => [],
          ...options.models?.(i),
        },
        clock,
        logger,
        metrics: nullMetrics,
        behaviour: () => result.behaviour,
        watch: options.watch ?? "public",
        randomBytes: (length) => randomBytes(length),
        signal,
        checkpoint: (step) => options.checkpoint?.(i, step),
      },
    );
    const result: TestWorker = {
      index: i,
      worker,
      workerId,
      journal,
      keys,
      identity: { keys, workerId, transport },
      store,
      address: (await transport.start())[0] ?? { id: null, url: "" },
      behaviour: HONEST,
      stop: async () => {
        stop.abort();
        await worker.stopped();
        await transport.stop();
      },
    };
    await worker.start();
    return result;
  }

  /** A job over a private input, or a public one where the model's is; its salts are those of a client. */
  async request(input: Tensor | readonly Tensor[], policy: TestPolicy): Promise<TestJob> {
    const stages = this.manifest.stages.length;
    const inputs = Array.isArray(input) ? (input as readonly Tensor[]) : null;
    const bytes = inputs === null ? encodeTensor(input as Tensor) : encodeBatch(inputs.map((one) => encodeTensor(one)));
    const salts = new Map(
      [JOB_INPUT, ...this.manifest.stages.keys()].map((boundary) => [
        boundary,
        new Uint8Array(randomBytes(this.manifest.stages[0]?.inKind === 1 ? 31 : 32)),
      ]),
    );
    const inKind = (this.manifest.stages[0]?.inKind ?? 2) as DigestKind;
    const isPublic = inKind === KIND_PUBLIC;
    const count = inputs?.length ?? 0;
    const inDigest = boundaryDigest(inKind, bytes, isPublic ? undefined : salts.get(JOB_INPUT), count);
    const flags = 4 | (policy.standbys === true ? FLAG_STANDBY : 0);
    const { sample } = policy;
    const { timestamp } = await this.client.public.getBlock();
    const seatStake = 4n * BigInt(2 * policy.k + 1) * REWARD;
    const resultKey = nodeCrypto.generateX25519();
    const job: Job = {
      requester: this.client.account.address,
      nonce: this.#nonce,
      spec: {
        modelId: this.modelId,
        inDigest,
        inputRef: isPublic ? splitBlob(bytes).root : zeroHash,
        stages,
        policy: {
          mask: sample === undefined ? 1 : OPTIMISTIC,
          k: policy.k,
          auditBps: sample?.auditBps ?? 10_000,
          cls: this.manifest.acceptedMasks & 1,
          flags: count === 0 ? flags : batchFlags(flags, count),
          seatStake,
          window: sample?.window ?? policy.window ?? 0,
          // Four seconds of real time at this chain's speed: enough for a loaded machine.
          tWork: policy.tWork ?? 40,
          tReveal: 8,
          ticketClass: 0,
        },
        seatReward: REWARD,
        pokeFee: REWARD / 20n,
        insuredValue: 0n,
        client: zeroAddress,
        callback: zeroAddress,
        callbackGas: 0,
        expiry: Number(timestamp) + 1_700,
        paramsVersion: 0,
        resultKey: toHex(resultKey.publicKey),
      },
    };
    this.#nonce += 1n;
    const { hub } = this.chain.deployment;
    const id = jobIdOf({ chainId: 31337n, hub }, job);
    await this.#write("hub", assayHubAbi, "request", [job.nonce, job.spec]);
    return { id, job, bytes, salts, resultKey };
  }

  /** The same request again, after a reorganisation took it off the chain. */
  async repeat({ job }: TestJob): Promise<void> {
    await this.#write("hub", assayHubAbi, "request", [job.nonce, job.spec]);
  }

  slot(jobId: Hex) {
    return this.client.public.readContract({
      address: this.chain.deployment.hub,
      abi: assayHubAbi,
      functionName: "slot",
      args: [jobId],
    });
  }

  /** Workers with a seat in the current committee, by stage; waits until they know. */
  async seats(job: TestJob, timeoutMs = 60_000): Promise<TestWorker[]> {
    const want = job.job.spec.policy.k * job.job.spec.stages;
    return until(timeoutMs, () => {
      const seated = this.workers.filter((one) => one.worker.desk.session(job.id)?.seat != null);
      return seated.length >= want ? seated : null;
    });
  }

  /** The first k candidates of an OPTIMISTIC job, in their order: a client gives them the input. */
  async bench(job: TestJob, timeoutMs = 60_000): Promise<TestWorker[]> {
    const rankOf = ({ worker }: TestWorker) => worker.desk.session(job.id)?.audit?.rank ?? Infinity;
    return until(timeoutMs, () => {
      const known = this.workers.filter((one) => rankOf(one) < job.job.spec.policy.k);
      return known.length === job.job.spec.policy.k ? known.toSorted((a, b) => rankOf(a) - rankOf(b)) : null;
    });
  }

  /** Seals the input (stage 0) and salts (all stages) to seats, as a client does. */
  async sendInput(job: TestJob, seats: readonly TestWorker[]): Promise<void> {
    for (const seat of seats)
      await this.sendTo(job, {
        signer: seat.keys.operator.address,
        sealKey: seat.keys.sealKeys[0]?.publicKey ?? new Uint8Array(),
        address: seat.address,
        stage: seat.worker.desk.session(job.id)?.seat?.stage ?? 0,
      });
  }

  async sendTo(
    job: TestJob,
    to: { signer: Hex; sealKey: Uint8Array; address: PeerAddress; stage: number },
  ): Promise<void> {
    // A seat that has not read its committee off the chain yet says when to come again; clients do.
    await until(60_000, async () => {
      const retryAfterMs = await this.#offer(job, to);
      if (retryAfterMs !== null) await testClock.sleep(retryAfterMs);
      return retryAfterMs === null ? true : null;
    });
  }

  /** Null once the seat has what it needs; else the milliseconds to wait before asking again. */
  async #offer(
    job: TestJob,
    to: { signer: Hex; sealKey: Uint8Array; address: PeerAddress; stage: number },
  ): Promise<number | null> {
    const { privateKey, address } = this.chain.account(REQUESTER);
    const { hub } = this.chain.deployment;
    const { stage } = to;
    const input = stage === 0 ? JOB_INPUT : stage - 1;
    const kindOf = (boundary: number) =>
      boundary === JOB_INPUT ? this.manifest.stages[0]?.inKind : this.manifest.stages[boundary]?.outKind;
    const salts = [stage, input]
      .toSorted((a, b) => a - b)
      .filter((boundary) => kindOf(boundary) !== KIND_PUBLIC)
      .map((boundary) => ({ boundary, salt: job.salts.get(boundary) ?? new Uint8Array() }));
    const tensors = stage === 0 ? [{ boundary: JOB_INPUT, tensor: job.bytes }] : [];
    const sender = address.toLowerCase() as Hex;
    const context = sealContext({ chainId: 31337n, hub, jobId: job.id, boundary: input, lane: 0, sender });
    const plain = encodeSealedInput({ stage, salts, tensors });
    const sealed = sealBlob(nodeCrypto, { context, recipients: [to.sealKey], plain });
    const { root: blob, parts } = splitBlob(sealed);
    const grant = toHex(randomBytes(16));
    const block = await this.client.public.getBlock();
    const deadline = block.timestamp + 120n;
    const body = encodeOffer({ jobId: job.id, boundary: input, lane: 0, blob, bytes: sealed.length, deadline, grant });
    this.#seq += 1n;
    const envelope = {
      protocol: OFFER_PROTOCOL,
      from: sender,
      to: to.signer,
      jobId: job.id,
      seq: this.#seq,
      deadline,
      bodyHash: bodyHashOf(body),
    };
    const signature = signDigest(
      envelopeDigest(domainSeparator({ chainId: 31337n, hub }), envelope),
      hexToBytes(privateKey),
    );
    const call = async (protocol: string, request: Uint8Array): Promise<Uint8Array> => {
      const chunks: Uint8Array[] = [];
      const options = { signal: AbortSignal.timeout(5000), deadlineMs: 5000, maxReplyBytes: 256 };
      for await (const chunk of this.dialler.call(to.address, protocol, request, options)) chunks.push(chunk);
      return concatBytes(...chunks);
    };
    const reply = decodeOfferReply(await call(OFFER_PROTOCOL, encodeEnvelope({ envelope, signature, body })));
    if (reply.answer === "BUSY") return reply.retryAfterMs;
    if (reply.answer !== "ACCEPT") throw new TypeError(JSON.stringify(reply));
    if (reply.credits > 0)
      for (const part of parts) await call(PUT_PROTOCOL, encodePut({ grant, root: blob, part: part.bytes }));
    return null;
  }

  async ended(job: Pick<TestJob, "id">, timeoutMs = 120_000): Promise<{ state: number; reason: number }> {
    return until(timeoutMs, async () => {
      const slot = await this.slot(job.id);
      return slot.state >= 5 ? { state: slot.state, reason: slot.stage } : null;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((one) => one.stop()));
    await this.dialler.stop();
  }
}

export interface TestPolicy {
  readonly k: number;
  readonly tWork?: number;
  /** How long the result stands open to challenge; the least, on dissent, is the deployment's. */
  readonly window?: number;
  /** Absent seats are filled again. */
  readonly standbys?: boolean;
  /** One answers, chance audits. */
  readonly sample?: { readonly auditBps: number; readonly window: number };
}

export interface TestJob {
  readonly id: Hex;
  readonly job: Job;
  readonly bytes: Uint8Array;
  readonly salts: ReadonlyMap<number, Uint8Array>;
  readonly resultKey: { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array };
}

/** Waits for a value; fails after `timeoutMs`. */
export async function until<T>(timeoutMs: number, probe: () => T | null | Promise<T | null>): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== null) return value;
    if (performance.now() > end) throw new TypeError("waited in vain");
    await testClock.sleep(25);
  }
}
