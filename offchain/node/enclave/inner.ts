// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../../core/crypto-port.ts";
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
import { encodeSealedInput } from "../../core/sealed-input.ts";
import { addressOfKey, signDigest } from "../../core/signature.ts";
import { ZERO_ADDRESS, ZERO_BYTES32, type Job, type StageInfo } from "../../core/types.ts";
import { SAMPLED_ENCLAVE } from "../../core/verify-enclaves.ts";
import type { EnclaveProvider } from "../../engines/tee/provider/port.ts";
import type { ModelShelf, ProofPort, ProofTask } from "../../protocol/ports.ts";
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

/** The one stage, and the table that it stands in. */
interface Stage {
  readonly table: readonly StageInfo[];
  readonly info: StageInfo;
}

interface OpenJob extends Stage {
  readonly job: Job;
  /** Set by the first answer: there is no second one. */
  outDigest: Hex | null;
  /** Of a critical job: the newest pair that its client named. */
  order: { readonly attempt: number; readonly pair: OrderedPair } | null;
  /** Made once, signed as often as it is asked for. */
  proof: Promise<Uint8Array> | null;
  readonly over: AbortController;
}

/** Jobs held at once: the host forgets those that are over. */
const MAX_JOBS = 256;
const CHANNEL_NONE = ZERO_BYTES32;

const refuse = (refusal: Refusal): never => {
  throw new NodeError("ENCLAVE_REFUSED", { what: "inner", refusal });
};

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
        this.#work.forget(asked.body.jobId);
        this.#jobs.get(asked.body.jobId)?.over.abort();
        this.#jobs.delete(asked.body.jobId);
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
  #admit(job: Job, isServed: (mask: number) => boolean) {
    const { chainId, hub } = this.#placed();
    const { modelId, policy, stages } = job.spec;
    const table = this.#modules.models.table(modelId);
    const [info] = table ?? [];
    const served = modelId === this.#options.modelId && isServed(policy.mask) && policy.cls === 0 && stages === 1;
    if (!served || table === null || info === undefined) return refuse("JOB");
    return { jobId: jobIdOf({ chainId, hub }, job), table, info };
  }

  #open({ job, boundary, sender, isPublic }: Ask<"open">, blob: Uint8Array): Reply<"open"> {
    const { jobId, ...stage } = this.#admit(job, (mask) => mask === SAMPLED_ENCLAVE);
    // What is held was compared already: nothing that comes later can be more right.
    if (this.#jobs.has(jobId)) return DONE;
    this.#hold(jobId, job, stage, () => {
      if (isPublic) return this.#work.acceptPublic(jobId, blob);
      const plain = this.#unseal(job, jobId, { boundary, sender }, blob);
      this.#work.accept(jobId, 0, plain);
      plain.fill(0);
    });
    return DONE;
  }

  /** The client's own word on who answers: sealed to both, so that no host can name another. */
  #order({ job, boundary, sender }: Ask<"order">, blob: Uint8Array): Reply<"order"> {
    const { jobId, ...stage } = this.#admit(job, isPaired);
    const order = this.#readOrder(job, jobId, { boundary, sender }, blob);
    const { attempt, pairs, input } = order;
    const [pair] = pairs;
    const worker = this.#placed().worker.toLowerCase();
    const isPair = (pair?.second ?? ZERO_ADDRESS) !== ZERO_ADDRESS;
    if (pair === undefined || pairs.length !== 1 || isPair !== (job.spec.policy.k === 2)) return refuse("INPUT");
    if (pair.prover !== worker && pair.second !== worker) return refuse("INPUT");
    if (!this.#jobs.has(jobId))
      this.#hold(jobId, job, stage, () => this.#work.accept(jobId, 0, encodeSealedInput(input)));
    const held = this.#jobs.get(jobId);
    if (held !== undefined && attempt > (held.order?.attempt ?? -1)) held.order = { attempt, pair };
    return { attempt, pairs };
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
  #hold(jobId: Hex, job: Job, { table, info }: Stage, accept: () => void): void {
    if (this.#jobs.size >= MAX_JOBS) return refuse("BUSY");
    try {
      accept();
    } catch (error) {
      this.#work.forget(jobId);
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
    if (this.#work.inputDigest(jobId, info, table) !== job.spec.inDigest) {
      this.#work.forget(jobId);
      return refuse("INPUT_MISMATCH");
    }
    this.#jobs.set(jobId, { job, table, info, outDigest: null, order: null, proof: null, over: new AbortController() });
  }

  async #run({ jobId, epoch }: Ask<"run">): Promise<Answer<"run">> {
    const { held, vote } = await this.#compute(jobId, epoch);
    if (isAbstention(vote.outDigest)) return { name: "run", body: { ...vote, evidence: "0x" } };
    const { evidence } = this.#sign(jobId, held, vote.outDigest, epoch);
    const tail = this.#sealResult(jobId, held.job.spec.resultKey);
    return { name: "run", body: { ...vote, evidence }, tail };
  }

  async #compute(jobId: Hex, epoch: number) {
    this.#placed();
    const held = this.#jobs.get(jobId) ?? refuse("JOB_UNKNOWN");
    if (epoch === 0 || epoch > this.#quoted) return refuse("EPOCH");
    const { outDigest, payload } = await this.#work.run(jobId, held.job.spec, 0, held.table, this.#signal);
    if (!isAbstention(outDigest)) {
      // The same input through the same program: another answer is a broken machine's.
      if (held.outDigest !== null && held.outDigest !== outDigest) return refuse("FAILED");
      held.outDigest = outDigest;
    }
    return { held, vote: { outDigest, payload } };
  }

  /** The claim, and the enclave's signature over it. */
  #sign(jobId: Hex, { job }: OpenJob, outDigest: Hex, epoch: number) {
    const { chainId, hub, worker } = this.#placed();
    const claim = { jobId, stage: 0, inDigest: job.spec.inDigest, outDigest, worker };
    const result = { claim, channelHash: CHANNEL_NONE, epoch };
    const domain = domainSeparator({ chainId, hub });
    const signature = signDigest(enclaveResultDigest(domain, result), this.#claimKey);
    return { claim, domain, evidence: toHex(encodeEnclaveEvidence(result, signature)) };
  }

  /** Signs no proof but one that was made here, of what was computed here. */
  async #prove({ jobId, epoch, deadlineMs }: Ask<"prove">): Promise<Answer<"prove">> {
    const { worker } = this.#placed();
    // Before anything is computed: the second proves nothing, whatever its host asks for.
    const known = this.#jobs.get(jobId);
    if (known?.order?.pair.prover !== worker.toLowerCase()) return refuse(known === undefined ? "JOB_UNKNOWN" : "JOB");
    const { held, vote } = await this.#compute(jobId, epoch);
    if (isAbstention(vote.outDigest)) return refuse("PROOF");
    const { claim, domain, evidence } = this.#sign(jobId, held, vote.outDigest, epoch);
    const proof = await this.#proofOf(held, { claim, domain, deadlineMs: Number(deadlineMs) });
    const { r, vs } = signDigest(enclaveProofDigest(domain, claim, proof, epoch), this.#claimKey);
    return { name: "prove", body: { outDigest: vote.outDigest, result: evidence, r, vs }, tail: proof };
  }

  async #proofOf(held: OpenJob, task: Pick<ProofTask, "claim" | "domain" | "deadlineMs">): Promise<Uint8Array> {
    const { modelId } = this.#options;
    const prover = this.#prover;
    if (held.proof !== null) return held.proof;
    const materials = this.#work.materials(task.claim.jobId, held.info, held.table);
    if (prover?.canProve(modelId, 0) !== true || materials === null) return refuse("PROOF");
    if (prover.load >= prover.maxLoad) return refuse("BUSY");
    const made = prover.prove({ ...task, ...materials, modelId, stage: 0, signal: held.over.signal });
    held.proof = made;
    try {
      return await made;
    } catch {
      held.proof = null;
      return refuse("PROOF");
    }
  }

  /** To the job's result key, which the job's id vouches for; by the worker's name, from whom the requester will fetch it. */
  #sealResult(jobId: Hex, resultKey: Hex): Uint8Array {
    const { chainId, hub, worker } = this.#placed();
    const output = this.#work.output(jobId);
    if (BigInt(resultKey) === 0n || output === null) return new Uint8Array();
    const context = sealContext({ chainId, hub, jobId, boundary: 0, lane: 0, sender: worker });
    return sealBlob(this.#modules.crypto, { context, recipients: [fromHex(resultKey, 32)], plain: output });
  }
}
