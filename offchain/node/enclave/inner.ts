// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../../core/crypto-port.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { addressWord, bindReportData, encodeRuntime, enclaveConfigDigest } from "../../core/enclave-binding.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../core/enclave-result.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import { jobId as jobIdOf } from "../../core/job.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { openSealedBlob, sealBlob, sealContext } from "../../core/seal.ts";
import { addressOfKey, signDigest } from "../../core/signature.ts";
import { ENCLAVE, OPTIMISTIC, ZERO_BYTES32, type Job, type StageInfo } from "../../core/types.ts";
import type { EnclaveProvider } from "../../engines/tee/provider/port.ts";
import type { ModelShelf } from "../../protocol/ports.ts";
import { isAbstention } from "../../protocol/said.ts";
import { StageWork } from "../../protocol/stage-work.ts";
import { NodeError } from "../errors.ts";
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
  readonly clock: Clock;
}

/** What the host said once, and the quotes vouch for: another hub would be another configuration digest. */
type Place = Ask<"boot">;

interface OpenJob {
  readonly job: Job;
  readonly table: readonly StageInfo[];
  /** Set by the first answer: there is no second one. */
  outDigest: Hex | null;
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
  readonly #signal = new AbortController().signal;
  #place: Place | null = null;
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
        this.#jobs.delete(asked.body.jobId);
        this.#schedule.forget(asked.body.jobId);
        return { name: "forget", body: DONE };
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
  #open({ job, boundary, sender, isPublic }: Ask<"open">, blob: Uint8Array): Reply<"open"> {
    const { chainId, hub } = this.#placed();
    const { spec } = job;
    const { policy } = spec;
    const table = this.#modules.models.table(spec.modelId);
    const served = spec.modelId === this.#options.modelId && policy.mask === (ENCLAVE | OPTIMISTIC);
    const [info] = table ?? [];
    if (!served || policy.cls !== 0 || spec.stages !== 1 || table === null || info === undefined) return refuse("JOB");
    const jobId = jobIdOf({ chainId, hub }, job);
    // What is held was compared already: nothing that comes later can be more right.
    if (this.#jobs.has(jobId)) return DONE;
    if (this.#jobs.size >= MAX_JOBS) return refuse("BUSY");
    try {
      if (isPublic) this.#work.acceptPublic(jobId, blob);
      else {
        const from = [job.requester, spec.client].map((party) => party.toLowerCase());
        if (!from.includes(sender.toLowerCase())) return refuse("INPUT");
        const context = sealContext({ chainId, hub, jobId, boundary, lane: 0, sender });
        const { privateKey } = this.#sealKey;
        const plain = openSealedBlob(this.#modules.crypto, blob, { context, privateKey, maxBytes: blob.length });
        this.#work.accept(jobId, 0, plain);
        plain.fill(0);
      }
    } catch (error) {
      this.#work.forget(jobId);
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
    if (this.#work.inputDigest(jobId, info, table) !== spec.inDigest) {
      this.#work.forget(jobId);
      return refuse("INPUT_MISMATCH");
    }
    this.#jobs.set(jobId, { job, table, outDigest: null });
    return DONE;
  }

  async #run({ jobId, epoch }: Ask<"run">): Promise<Answer<"run">> {
    const { chainId, hub, worker } = this.#placed();
    const held = this.#jobs.get(jobId);
    if (held === undefined) return refuse("JOB_UNKNOWN");
    if (epoch === 0 || epoch > this.#quoted) return refuse("EPOCH");
    const { spec } = held.job;
    const { outDigest, payload } = await this.#work.run(jobId, spec, 0, held.table, this.#signal);
    if (isAbstention(outDigest)) return { name: "run", body: { outDigest, payload, evidence: "0x" } };
    // The same input through the same program: another answer is a broken machine's.
    if (held.outDigest !== null && held.outDigest !== outDigest) return refuse("FAILED");
    held.outDigest = outDigest;
    const claim = { jobId, stage: 0, inDigest: spec.inDigest, outDigest, worker };
    const result = { claim, channelHash: CHANNEL_NONE, epoch };
    const domain = domainSeparator({ chainId, hub });
    const signature = signDigest(enclaveResultDigest(domain, result), this.#claimKey);
    const evidence = toHex(encodeEnclaveEvidence(result, signature));
    return { name: "run", body: { outDigest, payload, evidence }, tail: this.#sealResult(jobId, spec.resultKey) };
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
