// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../../core/crypto-port.ts";
import { saltBytes } from "../../core/digest.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { addressWord, bindReportData, encodeRuntime, enclaveConfigDigest } from "../../core/enclave-binding.ts";
import { enclaveProofDigest } from "../../core/enclave-bundle.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../core/enclave-result.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import { jobId as jobIdOf } from "../../core/job.ts";
import { decodePairOrder, type OrderedPair, type PairOrder } from "../../core/pair-order.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { isPaired } from "../../core/replay-record.ts";
import { openSealedBlob, sealBlob, sealContext } from "../../core/seal.ts";
import { encodeSealedInput, JOB_INPUT, type SealedInput } from "../../core/sealed-input.ts";
import { addressOfKey, signDigest } from "../../core/signature.ts";
import {
  PLACE_NETWORK,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type DigestKind,
  type Job,
  type StageInfo,
  MAX_STAGES,
} from "../../core/types.ts";
import { SAMPLED_ENCLAVE } from "../../core/verify-enclaves.ts";
import type { EnclaveProvider } from "../../engines/tee/provider/port.ts";
import type { ModelShelf, ProofPort, ProofTask } from "../../protocol/ports.ts";
import { workKey } from "../../protocol/proof-orders.ts";
import { isAbstention } from "../../protocol/said.ts";
import { StageWork } from "../../protocol/stage-work.ts";
import { NodeError } from "../errors.ts";

import { InnerCommittee, isCommitteeAsked } from "./committee/inner-committee.ts";
import { InnerSchedule } from "./inner-schedule.ts";
import { DONE, REFUSALS, type Ask, type Asked, type MessageName, type Refusal, type Reply } from "./wire.ts";

export interface InnerOptions {
  /** Of the measured root that this code came from. */
  readonly bundleDigest: Hex;
  /** The one model that these keys serve. */
  readonly modelId: Hex;
}
export interface InnerModules {
  readonly crypto: CryptoPort;
  readonly provider: EnclaveProvider;
  /** Loads and checks the model against its id: what is measured is trusted about what it loaded. */
  readonly models: ModelShelf;
  /** Proves stages in here, by keys that the chain named; null: this enclave proves nothing. */
  readonly prover: ((chainId: bigint) => Pick<ProofPort, "prove" | "canProve" | "load" | "maxLoad">) | null;
  readonly clock: Clock;
}

/** What the host said once, and the quotes vouch for: another hub would be another configuration digest. */
type Place = Ask<"boot">;

/** What became of one stage. */
interface StageResult {
  readonly info: StageInfo;
  /** Set by the first answer: there is no second one. */
  outDigest: Hex | null;
  /** Made once, signed as often as it is asked for. */
  proof: Promise<Uint8Array> | null;
}

interface OpenJob {
  readonly job: Job;
  readonly table: readonly StageInfo[];
  readonly stages: readonly StageResult[];
  /** Of a critical job: the newest pair that its client named. */
  order: { readonly attempt: number; readonly pair: OrderedPair } | null;
  readonly over: AbortController;
}

/** Jobs held at once: the host forgets those that are over. */
const MAX_JOBS = 256;
const CHANNEL_NONE = ZERO_BYTES32;
/** What a job's first stage was given is kept under the job's own id. */
const keyOf = (jobId: Hex, stage: number): Hex => (stage === 0 ? jobId : workKey(jobId, stage));

const refuse = (refusal: Refusal): never => {
  throw new NodeError("ENCLAVE_REFUSED", { what: "inner", refusal });
};

/** Whether an order has the job's input, and the salt of every boundary that has one: nothing is waited for that nobody sends. */
function isWhole({ stage, salts, tensors, parts }: SealedInput, table: readonly StageInfo[]): boolean {
  const ends = new Map<number, number>([[JOB_INPUT, table[0]?.inKind ?? 0], ...table.map(({ outKind }, at) => [at, outKind] as const)]); // prettier-ignore
  const wanted = [...ends].filter(([, kind]) => saltBytes(kind as DigestKind) > 0);
  const isSalted = wanted.every(([boundary, kind]) => {
    const given = salts.find((one) => one.boundary === boundary);
    return given?.salt.length === saltBytes(kind as DigestKind);
  });
  const isInput = tensors.length === 1 && tensors[0]?.boundary === JOB_INPUT;
  return stage === 0 && parts === undefined && isInput && isSalted && salts.length === wanted.length;
}

export interface Answer<N extends MessageName = MessageName> {
  readonly name: N;
  readonly body: Reply<N>;
  readonly tail?: Uint8Array;
}

/**
 * What runs inside the enclave: keys made here and never shown, inputs opened here, the same stages by the same code as in any worker,
 * results signed here. It logs nothing and has no file, socket or clock of consequence: the host is its only company, and not trusted.
 * It needs no word of the chain: a job is bound by its id, an input by its digest, a key by its registration, which clients read
 * themselves.
 */
export class EnclaveInner {
  readonly #options: InnerOptions;
  readonly #modules: InnerModules;
  readonly #work: StageWork;
  readonly #claimKey: Uint8Array;
  readonly #channelKey: X25519KeyPair;
  readonly #sealKey: X25519KeyPair;
  readonly #jobs = new Map<Hex, OpenJob>();
  readonly #schedule: InnerSchedule;
  readonly #committee: InnerCommittee;
  readonly #signal = new AbortController().signal;
  #place: Place | null = null;
  #prover: ReturnType<NonNullable<InnerModules["prover"]>> | null = null;
  /** Highest epoch that evidence was made for. */
  #quoted = 0;

  constructor(options: InnerOptions, modules: InnerModules) {
    const { crypto, models, clock } = modules;
    this.#options = options;
    this.#modules = modules;
    this.#work = new StageWork({ maxRunning: 1, maxWaiting: MAX_JOBS }, models, clock);
    this.#claimKey = crypto.randomBytes(32);
    this.#channelKey = crypto.generateX25519();
    this.#sealKey = crypto.generateX25519();
    this.#schedule = new InnerSchedule(this.#work, {
      ...modules,
      modelId: options.modelId,
      key: this.#key,
      claimKey: this.#claimKey,
      channelKey: this.#channelKey,
      sealKey: this.#sealKey,
      place: () => this.#placed(),
    });
    const keys = { claimKey: this.#claimKey, sealKey: this.#sealKey };
    this.#committee = new InnerCommittee({ crypto, ...keys, place: () => this.#placed() });
  }

  get #key(): Hex {
    return addressOfKey(this.#claimKey);
  }

  /** Answers one question of the host, or says in one word why not. */
  async handle(asked: Asked): Promise<Answer | Refusal> {
    try {
      return await this.#answer(asked);
    } catch (error) {
      // Of a failure nothing but one of these words leaves the enclave: its text could hold what it failed on.
      const word = hasCode(error, "ENCLAVE_REFUSED") ? error.meta["refusal"] : undefined;
      return REFUSALS.find((refusal) => refusal === word) ?? "FAILED";
    }
  }

  async #answer(asked: Asked): Promise<Answer> {
    if (isCommitteeAsked(asked)) return this.#committee.answer(asked);
    switch (asked.name) {
      case "boot":
        return { name: "boot", body: this.#boot(asked.body) };
      case "quote":
        return this.#quote(asked.body);
      case "open":
        return { name: "open", body: this.#open(asked.body, asked.tail) };
      case "run":
        return this.#run(asked.body);
      case "forget":
        this.#jobs.get(asked.body.jobId)?.over.abort();
        this.#forget(asked.body.jobId);
        this.#schedule.forget(asked.body.jobId);
        return { name: "forget", body: DONE };
      case "order":
        return { name: "order", body: this.#order(asked.body, asked.tail) };
      case "prove":
        return this.#prove(asked.body);
      case "schedule":
        return { name: "schedule", body: this.#schedule.schedule(asked.body, asked.tail) };
      case "dial":
        return { name: "dial", body: DONE, tail: this.#schedule.dial(asked.body.jobId) };
      case "step":
        return { name: "step", ...this.#schedule.step(asked.body, asked.tail) };
      case "feed":
        return { name: "feed", ...this.#schedule.feed(asked.body.jobId) };
      case "compute":
        if (asked.body.epoch === 0 || asked.body.epoch > this.#quoted) return refuse("EPOCH");
        return { name: "compute", ...(await this.#schedule.compute(asked.body)) };
    }
  }

  #placed(): Place {
    return this.#place ?? refuse("STATE");
  }

  #boot(place: Place): Reply<"boot"> {
    // Never again: keys that were registered for one worker sign for no other.
    if (this.#place !== null) return refuse("STATE");
    this.#place = place;
    this.#prover = this.#modules.prover?.(place.chainId) ?? null;
    const { kind, root } = this.#modules.provider;
    return {
      key: this.#key,
      channelKey: toHex(this.#channelKey.publicKey),
      sealKey: toHex(this.#sealKey.publicKey),
      runtime: toHex(this.#runtime(place)),
      kind,
      simulated: root === "simulated",
    };
  }

  #runtime(place: Place): Uint8Array {
    const { bundleDigest, modelId } = this.#options;
    return encodeRuntime({ bundleDigest, modelId, gpuDigest: ZERO_BYTES32, configDigest: enclaveConfigDigest(place) });
  }

  async #quote({ epoch, challenge }: Ask<"quote">): Promise<Answer<"quote">> {
    const place = this.#placed();
    if (epoch === 0) return refuse("EPOCH");
    const binding = {
      chainId: place.chainId,
      registry: place.registry,
      key: this.#key,
      channelKey: toHex(this.#channelKey.publicKey),
      sealKey: toHex(this.#sealKey.publicKey),
      worker: addressWord(place.worker),
      epoch,
      challenge,
    };
    try {
      const { format, bytes } = await this.#modules.provider.quote(bindReportData(binding, this.#runtime(place)));
      this.#quoted = Math.max(this.#quoted, epoch);
      return { name: "quote", body: { format }, tail: bytes };
    } catch {
      return refuse("EVIDENCE");
    }
  }

  /** The job's id vouches for all of the job: which hub, model, input digest, and whose key reads the result. */
  #admit(job: Job, isServed: (mask: number) => boolean, mostStages: number) {
    const { chainId, hub } = this.#placed();
    const { modelId, policy, stages } = job.spec;
    const table = this.#modules.models.table(modelId);
    const served = modelId === this.#options.modelId && isServed(policy.mask) && policy.cls === 0;
    if (!served || table === null || stages !== table.length || stages > mostStages) return refuse("JOB");
    if (stages > 1 && table.some(({ place }) => place !== PLACE_NETWORK)) return refuse("JOB");
    return { jobId: jobIdOf({ chainId, hub }, job), table };
  }

  #open({ job, boundary, sender, isPublic }: Ask<"open">, blob: Uint8Array): Reply<"open"> {
    const { jobId, table } = this.#admit(job, (mask) => mask === SAMPLED_ENCLAVE, 1);
    // What is held was compared already: nothing that comes later can be more right.
    if (this.#jobs.has(jobId)) return DONE;
    this.#hold(jobId, job, table, () => {
      if (isPublic) return this.#work.acceptPublic(jobId, blob);
      const plain = this.#unseal(job, jobId, { boundary, sender }, blob);
      this.#work.accept(jobId, 0, plain);
      plain.fill(0);
    });
    return DONE;
  }

  /** The client's own word on who answers: sealed to both, so that no host can name another. */
  #order({ job, boundary, sender }: Ask<"order">, blob: Uint8Array): Reply<"order"> {
    const { jobId, table } = this.#admit(job, isPaired, MAX_STAGES);
    const order = this.#readOrder(job, jobId, { boundary, sender }, blob);
    const { attempt, pairs, input } = order;
    const [pair] = pairs;
    const worker = this.#placed().worker.toLowerCase();
    const isPair = (pair?.second ?? ZERO_ADDRESS) !== ZERO_ADDRESS;
    if (pair === undefined || pairs.length !== table.length || isPair !== (job.spec.policy.k === 2))
      return refuse("INPUT");
    // Who runs a part of the stages would have to be given a boundary.
    if (pairs.some(({ prover, second }) => prover !== pair.prover || second !== pair.second)) return refuse("INPUT");
    if (pair.prover !== worker && pair.second !== worker) return refuse("INPUT");
    if (!isWhole(input, table)) return refuse("INPUT");
    if (!this.#jobs.has(jobId)) this.#hold(jobId, job, table, () => this.#acceptAll(jobId, table, input));
    const held = this.#jobs.get(jobId);
    if (held !== undefined && attempt > (held.order?.attempt ?? -1)) held.order = { attempt, pair };
    return { attempt, pairs };
  }

  /** Each stage gets its ends' salts, and what it reads of the job's input; the rest comes from the stages before. */
  #acceptAll(jobId: Hex, table: readonly StageInfo[], { salts, tensors }: SealedInput): void {
    for (const [stage, { producers }] of table.entries()) {
      const own = salts.filter(({ boundary }) => boundary === stage || producers.includes(boundary));
      const read = tensors.filter(({ boundary }) => producers.includes(boundary));
      this.#work.accept(keyOf(jobId, stage), stage, encodeSealedInput({ stage, salts: own, tensors: read }));
    }
  }

  #readOrder(job: Job, jobId: Hex, from: Pick<Ask<"order">, "boundary" | "sender">, blob: Uint8Array): PairOrder {
    try {
      const plain = this.#unseal(job, jobId, from, blob);
      const order = decodePairOrder(plain);
      plain.fill(0);
      return order;
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
  }

  #unseal(job: Job, jobId: Hex, { boundary, sender }: Pick<Ask<"order">, "boundary" | "sender">, blob: Uint8Array) {
    const { chainId, hub } = this.#placed();
    const from = [job.requester, job.spec.client].map((party) => party.toLowerCase());
    if (!from.includes(sender.toLowerCase())) return refuse("INPUT");
    const context = sealContext({ chainId, hub, jobId, boundary, lane: 0, sender });
    const { privateKey } = this.#sealKey;
    return openSealedBlob(this.#modules.crypto, blob, { context, privateKey, maxBytes: blob.length });
  }

  /** Keeps the job if what it was given is the input that it promised. */
  #hold(jobId: Hex, job: Job, table: readonly StageInfo[], accept: () => void): void {
    if (this.#jobs.size >= MAX_JOBS) return refuse("BUSY");
    try {
      accept();
    } catch (error) {
      this.#forget(jobId, table.length);
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
    const [info] = table;
    if (info === undefined || this.#work.inputDigest(jobId, info, table) !== job.spec.inDigest) {
      this.#forget(jobId, table.length);
      return refuse("INPUT_MISMATCH");
    }
    const stages = table.map((one): StageResult => ({ info: one, outDigest: null, proof: null }));
    this.#jobs.set(jobId, { job, table, stages, order: null, over: new AbortController() });
  }

  #forget(jobId: Hex, stages = this.#jobs.get(jobId)?.table.length ?? 1): void {
    for (let stage = 0; stage < stages; stage += 1) this.#work.forget(keyOf(jobId, stage));
    this.#jobs.delete(jobId);
  }

  async #run({ jobId, stage, epoch }: Ask<"run">): Promise<Answer<"run">> {
    const { held, vote } = await this.#compute(jobId, stage, epoch);
    if (isAbstention(vote.outDigest)) return { name: "run", body: { ...vote, evidence: "0x" } };
    const { evidence } = this.#sign(jobId, held, { stage, outDigest: vote.outDigest, epoch });
    const isLast = stage === held.table.length - 1;
    const tail = isLast ? this.#sealResult(jobId, stage, held.job.spec.resultKey) : new Uint8Array();
    return { name: "run", body: { ...vote, evidence }, tail };
  }

  /** Earlier stages first, one after the other; if one of them abstains, that is what all later ones come to. */
  async #compute(jobId: Hex, stage: number, epoch: number) {
    this.#placed();
    const held = this.#jobs.get(jobId) ?? refuse("JOB_UNKNOWN");
    if (stage >= held.table.length) return refuse("JOB");
    if (epoch === 0 || epoch > this.#quoted) return refuse("EPOCH");
    for (let before = 0; before < stage; before += 1) {
      if (held.stages[before]?.outDigest !== null) continue;
      const vote = await this.#runStage(jobId, held, before);
      if (isAbstention(vote.outDigest)) return { held, vote };
    }
    return { held, vote: await this.#runStage(jobId, held, stage) };
  }

  async #runStage(
    jobId: Hex,
    held: OpenJob,
    stage: number,
  ): Promise<{ readonly outDigest: Hex; readonly payload: Hex }> {
    const { job, table } = held;
    const key = keyOf(jobId, stage);
    const { outDigest, payload } = await this.#work.run(key, job.spec, stage, table, this.#signal);
    const result = held.stages[stage];
    if (result === undefined || isAbstention(outDigest)) return { outDigest, payload };
    // The same input through the same program: another answer is a broken machine's.
    if (result.outDigest !== null && result.outDigest !== outDigest) return refuse("FAILED");
    // What is forgotten meanwhile is not begun anew.
    if (this.#jobs.get(jobId) !== held) return refuse("JOB_UNKNOWN");
    if (result.outDigest === null)
      for (const [next, { producers }] of table.entries()) {
        const plain = producers.includes(stage) ? this.#work.forNextStage(key, stage, next) : null;
        if (plain !== null) this.#work.accept(keyOf(jobId, next), next, plain);
      }
    result.outDigest = outDigest;
    return { outDigest, payload };
  }

  /** The claim, and the enclave's signature over it. */
  #sign(
    jobId: Hex,
    { job, table }: OpenJob,
    said: { readonly stage: number; readonly outDigest: Hex; readonly epoch: number },
  ) {
    const { stage, outDigest, epoch } = said;
    const { chainId, hub, worker } = this.#placed();
    const info = table[stage] ?? refuse("JOB");
    const taken = stage === 0 ? job.spec.inDigest : this.#work.inputDigest(keyOf(jobId, stage), info, table);
    const claim = { jobId, stage, inDigest: taken ?? refuse("FAILED"), outDigest, worker };
    const result = { claim, channelHash: CHANNEL_NONE, epoch };
    const domain = domainSeparator({ chainId, hub });
    const signature = signDigest(enclaveResultDigest(domain, result), this.#claimKey);
    return { claim, domain, evidence: toHex(encodeEnclaveEvidence(result, signature)) };
  }

  /** Signs no proof but one that was made here, of what was computed here. */
  async #prove({ jobId, stage, epoch, deadlineMs }: Ask<"prove">): Promise<Answer<"prove">> {
    const { worker } = this.#placed();
    // Before anything is computed: the second proves nothing, whatever its host asks for.
    const known = this.#jobs.get(jobId);
    if (known?.order?.pair.prover !== worker.toLowerCase()) return refuse(known === undefined ? "JOB_UNKNOWN" : "JOB");
    const { held, vote } = await this.#compute(jobId, stage, epoch);
    if (isAbstention(vote.outDigest)) return refuse("PROOF");
    const { claim, domain, evidence } = this.#sign(jobId, held, { stage, outDigest: vote.outDigest, epoch });
    const proof = await this.#proofOf(held, { claim, domain, deadlineMs: Number(deadlineMs) });
    const { r, vs } = signDigest(enclaveProofDigest(domain, claim, proof, epoch), this.#claimKey);
    return { name: "prove", body: { outDigest: vote.outDigest, result: evidence, r, vs }, tail: proof };
  }

  async #proofOf(held: OpenJob, task: Pick<ProofTask, "claim" | "domain" | "deadlineMs">): Promise<Uint8Array> {
    const { modelId } = this.#options;
    const { jobId, stage } = task.claim;
    const prover = this.#prover;
    const result = held.stages[stage] ?? refuse("JOB");
    if (result.proof !== null) return result.proof;
    const materials = this.#work.materials(keyOf(jobId, stage), result.info, held.table);
    if (prover?.canProve(modelId, stage) !== true || materials === null) return refuse("PROOF");
    if (prover.load >= prover.maxLoad) return refuse("BUSY");
    const made = prover.prove({ ...task, ...materials, modelId, stage, signal: held.over.signal });
    result.proof = made;
    try {
      return await made;
    } catch {
      result.proof = null;
      return refuse("PROOF");
    }
  }

  /** To the job's result key, which the job's id vouches for; by the worker's name, from whom the requester will fetch it. */
  #sealResult(jobId: Hex, stage: number, resultKey: Hex): Uint8Array {
    const { chainId, hub, worker } = this.#placed();
    const output = this.#work.output(keyOf(jobId, stage));
    if (BigInt(resultKey) === 0n || output === null) return new Uint8Array();
    const context = sealContext({ chainId, hub, jobId, boundary: stage, lane: 0, sender: worker });
    return sealBlob(this.#modules.crypto, { context, recipients: [fromHex(resultKey, 32)], plain: output });
  }
}
