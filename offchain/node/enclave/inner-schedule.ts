// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, fromHex, toHex, type Hex } from "../../core/bytes.ts";
import type { ChannelPurpose } from "../../core/channel-hash.ts";
import type { CryptoPort, X25519KeyPair } from "../../core/crypto-port.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../core/enclave-result.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import { jobId as jobIdOf } from "../../core/job.ts";
import { planHash } from "../../core/planning/encode-plan.ts";
import { decodeScheduleOrder, type ScheduledEnclave } from "../../core/schedule-order.ts";
import { openSealedBlob, sealBlob, sealContext } from "../../core/seal.ts";
import { encodeSealedInput, JOB_INPUT, type BoundarySalt } from "../../core/sealed-input.ts";
import { packSignature, recoverSigner, signDigest, unpackSignature } from "../../core/signature.ts";
import type { Word } from "../../core/tagged-hash.ts";
import { MAX_TENSOR_BYTES } from "../../core/tensor.ts";
import { ENCLAVE, PLACE_NETWORK, ZERO_ADDRESS, ZERO_BYTES32, type Job, type StageInfo } from "../../core/types.ts";
import { MAX_FRAME_DATA } from "../../engines/tee/channel/frames.ts";
import { ChannelSession } from "../../engines/tee/channel/session.ts";
import type { ModelShelf } from "../../protocol/ports.ts";
import { workKey } from "../../protocol/proof-orders.ts";
import { isAbstention } from "../../protocol/said.ts";
import type { StageWork } from "../../protocol/stage-work.ts";
import { NodeError } from "../errors.ts";
import { CHANNEL_BYTES, type Ask, type Refusal, type Reply } from "./wire.ts";

/** What the enclave is; keys stay where they were made. */
export interface InnerSelf {
  readonly crypto: CryptoPort;
  readonly models: ModelShelf;
  readonly modelId: Hex;
  readonly key: Hex;
  readonly claimKey: Uint8Array;
  readonly channelKey: X25519KeyPair;
  readonly sealKey: X25519KeyPair;
  /** Error: ENCLAVE_REFUSED before `boot`. */
  readonly place: () => Ask<"boot">;
}

interface Run {
  readonly first: number;
  readonly last: number;
}

/** The channel that the run's input came through. */
interface Origin {
  readonly channelHash: Word;
  readonly handshake: Uint8Array;
}

interface Claimed {
  readonly stage: number;
  readonly inDigest: Hex;
  readonly outDigest: Hex;
}

interface Held {
  readonly job: Job;
  readonly table: readonly StageInfo[];
  readonly run: Run;
  readonly salts: readonly BoundarySalt[];
  attempt: number;
  time: number;
  scheduleHash: Word;
  /** One a run, in the plan's order; the own one is `own`. */
  enclaves: readonly ScheduledEnclave[];
  runs: readonly Run[];
  own: number;
  receiving: ChannelSession | null;
  sending: { readonly session: ChannelSession; frames: Iterator<readonly Uint8Array[]> | null } | null;
  origin: Origin | null;
  computed: Promise<readonly Claimed[]> | null;
  output: Uint8Array | null;
}

const MAX_JOBS = 256;
/** A tensor with its header. */
const MAX_BOUNDARY = MAX_TENSOR_BYTES + 35;
/** Of frames in one message: the last frame may go beyond it by its own length, and a confirmation comes before the first. */
const FEED_BYTES = CHANNEL_BYTES.data - 2 * (MAX_FRAME_DATA + 64);

const refuse = (refusal: Refusal): never => {
  throw new NodeError("ENCLAVE_REFUSED", { what: "inner", refusal });
};

/** What the channel finds wrong, as one word for the host, which may be at fault itself. */
const guarded = <T>(action: () => T, onFailure: () => void): T => {
  try {
    return action();
  } catch (error) {
    onFailure();
    if (!isAssayError(error) || hasCode(error, "ENCLAVE_REFUSED")) throw error;
    return refuse(hasCode(error, "CHANNEL_PEER") ? "PEER" : "CHANNEL");
  }
};

/**
 * Inside the enclave: jobs whose stages several enclaves share. The client's sealed order names all of them; the boundary goes from this
 * enclave to the next one over a channel that both claim keys sign, and hosts carry its bytes only. What came over no channel that is
 * open, whole and the scheduled peer's is never computed on.
 */
export class InnerSchedule {
  readonly #self: InnerSelf;
  readonly #work: StageWork;
  readonly #jobs = new Map<Hex, Held>();
  readonly #signal = new AbortController().signal;

  constructor(work: StageWork, self: InnerSelf) {
    this.#work = work;
    this.#self = self;
  }

  #held(jobId: Hex): Held {
    return this.#jobs.get(jobId) ?? refuse("JOB_UNKNOWN");
  }

  // --- Orders -------------------------------------------------------------------------------------------------------------

  /** The client's order: what it says of this enclave is compared with what this enclave is. */
  schedule({ job, boundary, sender }: Ask<"schedule">, blob: Uint8Array): Reply<"schedule"> {
    const { chainId, hub, worker } = this.#self.place();
    const table = this.#admit(job);
    const jobId = jobIdOf({ chainId, hub }, job);
    const order = this.#readOrder(job, sealContext({ chainId, hub, jobId, boundary, lane: 0, sender }), sender, blob);
    const { runs } = order.decoded;
    if (order.decoded.jobId !== jobId || runs.at(-1)?.last !== table.length - 1) return refuse("INPUT");
    const own = order.enclaves.findIndex(({ key }) => key === this.#self.key);
    const [self, run] = [order.enclaves[own], runs[own]];
    if (self === undefined || run === undefined) return refuse("PEER");
    const isSelf = self.channelKey === toHex(this.#self.channelKey.publicKey) && self.worker === worker.toLowerCase();
    // Whoever is not registered any more is nobody's peer, whatever the plan says.
    if (!isSelf || order.enclaves.some(({ expiry }) => expiry < order.time)) return refuse("PEER");
    if (order.input.stage !== run.first) return refuse("INPUT");
    const known = this.#jobs.get(jobId);
    if (known !== undefined && order.attempt <= known.attempt) return this.#routeOf(known);
    const { attempt, time, enclaves } = order;
    const news = { attempt, time, scheduleHash: planHash(order.plan), enclaves, runs, own };
    if (known !== undefined && known.run.first === run.first && known.run.last === run.last) {
      // Another neighbour: channels of the earlier plan end, what they brought stays.
      Object.assign(known, news, { receiving: null, sending: null });
      return this.#routeOf(known);
    }
    this.forget(jobId);
    if (this.#jobs.size >= MAX_JOBS) return refuse("BUSY");
    const { salts, tensors } = order.input;
    const held: Held = { job, table, run, salts, ...news, receiving: null, sending: null, origin: null, computed: null, output: null }; // prettier-ignore
    this.#jobs.set(jobId, held);
    // Tensors of others than the job's input come over a channel, from an enclave, or not at all.
    const given = tensors.find((one) => one.boundary === JOB_INPUT)?.tensor;
    if (tensors.length !== (run.first === 0 ? 1 : 0) || (run.first === 0 && given === undefined)) {
      this.forget(jobId);
      return refuse("INPUT");
    }
    if (given !== undefined) this.#acceptInput(jobId, held, given);
    return this.#routeOf(held);
  }

  #admit(job: Job): readonly StageInfo[] {
    const { modelId, policy, stages } = job.spec;
    const table = this.#self.models.table(modelId);
    if (modelId !== this.#self.modelId || policy.mask !== ENCLAVE || policy.cls !== 0 || table === null)
      return refuse("JOB");
    const isLine = table.every(
      ({ place, producers }, stage) =>
        place === PLACE_NETWORK && producers.length === 1 && producers[0] === (stage === 0 ? JOB_INPUT : stage - 1),
    );
    return stages === table.length && stages > 1 && isLine ? table : refuse("JOB");
  }

  #readOrder(job: Job, context: Uint8Array, sender: Hex, blob: Uint8Array): ReturnType<typeof decodeScheduleOrder> {
    const from = [job.requester, job.spec.client].map((party) => party.toLowerCase());
    if (!from.includes(sender.toLowerCase())) return refuse("INPUT");
    try {
      const { crypto, sealKey } = this.#self;
      const { privateKey } = sealKey;
      const plain = openSealedBlob(crypto, blob, { context, privateKey, maxBytes: blob.length });
      const order = decodeScheduleOrder(plain);
      plain.fill(0);
      return order;
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
  }

  #routeOf({ attempt, run, enclaves, own }: Held): Reply<"schedule"> {
    const workerOf = (at: number): Hex => enclaves[at]?.worker ?? ZERO_ADDRESS;
    return { attempt, first: run.first, last: run.last, previous: workerOf(own - 1), next: workerOf(own + 1) };
  }

  #acceptInput(jobId: Hex, held: Held, tensor: Uint8Array): void {
    try {
      this.#accept(jobId, held, 0, tensor);
    } catch (error) {
      this.forget(jobId);
      if (!isAssayError(error)) throw error;
      return refuse("INPUT");
    }
    if (this.#inputDigest(jobId, held, 0) === held.job.spec.inDigest) return;
    this.forget(jobId);
    refuse("INPUT_MISMATCH");
  }

  #accept(jobId: Hex, { salts, table }: Held, stage: number, tensor: Uint8Array): void {
    const [boundary = JOB_INPUT] = table[stage]?.producers ?? [];
    const ends = salts.filter((one) => one.boundary === boundary || one.boundary === stage);
    this.#work.accept(workKey(jobId, stage), stage, encodeSealedInput({ stage, salts: ends, tensors: [{ boundary, tensor }] })); // prettier-ignore
  }

  #inputDigest(jobId: Hex, { table }: Held, stage: number): Hex | null {
    const info = table[stage];
    return info === undefined ? null : this.#work.inputDigest(workKey(jobId, stage), info, table);
  }

  // --- Channels -----------------------------------------------------------------------------------------------------------

  /** The end of a channel between the runs `from` and `from + 1`. */
  #session(jobId: Hex, held: Held, from: number, isInitiator: boolean): ChannelSession {
    const { chainId, registry } = this.#self.place();
    const { enclaves, runs, scheduleHash, time } = held;
    const [initiator, responder] = [enclaves[from], enclaves[from + 1]];
    const [fromRun, toRun] = [runs[from], runs[from + 1]];
    if (initiator === undefined || responder === undefined || fromRun === undefined || toRun === undefined)
      return refuse("STATE");
    const purpose: ChannelPurpose = {
      chainId,
      registry,
      jobId,
      fromStage: fromRun.last,
      toStage: toRun.first,
      initiatorKey: initiator.key,
      responderKey: responder.key,
      scheduleHash,
    };
    const peer = isInitiator ? responder : initiator;
    return new ChannelSession({
      pattern: "IK",
      isInitiator,
      purpose,
      staticKey: this.#self.channelKey,
      peer: { channelKey: peer.channelKey, expiry: BigInt(peer.expiry) },
      now: BigInt(time),
      payload: new Uint8Array(),
      // The client has read the peer's registration: no word of the peer's own could add to it.
      admitPeer: (payload) => {
        if (payload.length > 0) refuse("PEER");
      },
      sign: (digest) => packSignature(signDigest(fromHex(digest, 32), this.#self.claimKey)),
      recover: (digest, signature) => {
        try {
          return recoverSigner(fromHex(digest, 32), unpackSignature(signature));
        } catch {
          return undefined;
        }
      },
      maxBytes: MAX_BOUNDARY,
    });
  }

  dial(jobId: Hex): Uint8Array {
    const held = this.#held(jobId);
    const { own } = held;
    if (own === held.enclaves.length - 1) return refuse("STATE");
    const fail = () => {
      held.sending = null;
    };
    return guarded(() => {
      const session = this.#session(jobId, held, own, true);
      held.sending = { session, frames: null };
      return concatBytes(...session.start());
    }, fail);
  }

  step(
    { jobId, isDialler, isFirst }: Ask<"step">,
    bytes: Uint8Array,
  ): { readonly body: Reply<"step">; readonly tail: Uint8Array } {
    const held = this.#held(jobId);
    return isDialler ? this.#hear(held, bytes) : this.#answer(jobId, held, isFirst, bytes);
  }

  #hear(held: Held, bytes: Uint8Array) {
    const session = held.sending?.session ?? refuse("STATE");
    const fail = () => {
      held.sending = null;
    };
    const { reply, tensors } = guarded(() => session.receive(bytes), fail);
    if (tensors.length > 0) {
      fail();
      return refuse("CHANNEL");
    }
    return { body: { isOpen: session.isOpen, isOver: false }, tail: concatBytes(...reply) };
  }

  #answer(jobId: Hex, held: Held, isFirst: boolean, bytes: Uint8Array) {
    const { own } = held;
    if (own === 0) return refuse("STATE");
    // What was taken stays: nothing that comes later can be more right.
    if (held.origin !== null) return { body: { isOpen: true, isOver: true }, tail: new Uint8Array() };
    const fail = () => {
      held.receiving = null;
    };
    if (isFirst) held.receiving = guarded(() => this.#session(jobId, held, own - 1, false), fail);
    const session = held.receiving ?? refuse("STATE");
    const { reply, tensors } = guarded(() => session.receive(bytes), fail);
    const [tensor] = tensors;
    if (tensor !== undefined) {
      guarded(() => this.#accept(jobId, held, held.run.first, tensor), fail);
      held.origin = { channelHash: session.channelHash, handshake: session.handshake };
      held.receiving = null;
      tensor.fill(0);
    }
    return { body: { isOpen: tensor !== undefined || session.isOpen, isOver: tensor !== undefined }, tail: concatBytes(...reply) }; // prettier-ignore
  }

  feed(jobId: Hex): { readonly body: Reply<"feed">; readonly tail: Uint8Array } {
    const held = this.#held(jobId);
    const { sending, output } = held;
    if (sending === null || output === null) return refuse("STATE");
    const fail = () => {
      held.sending = null;
    };
    return guarded(() => {
      const frames = (sending.frames ??= sending.session.send(output));
      const parts: Uint8Array[] = [];
      let count = 0;
      for (;;) {
        const { done, value } = frames.next();
        if (done === true) return { body: { isLast: true }, tail: concatBytes(...parts) };
        for (const piece of value) {
          parts.push(piece);
          count += piece.length;
        }
        if (count >= FEED_BYTES) return { body: { isLast: false }, tail: concatBytes(...parts) };
      }
    }, fail);
  }

  // --- Results ------------------------------------------------------------------------------------------------------------

  async compute({
    jobId,
    epoch,
  }: Ask<"compute">): Promise<{ readonly body: Reply<"compute">; readonly tail: Uint8Array }> {
    const held = this.#held(jobId);
    if (held.run.first > 0 && held.origin === null) return refuse("STATE");
    held.computed ??= this.#run(jobId, held);
    const claims = await held.computed.catch((error: unknown) => {
      held.computed = null;
      throw error;
    });
    const results = claims.map(({ stage, inDigest, outDigest }) => ({
      stage,
      outDigest,
      evidence: toHex(this.#sign(jobId, held, { stage, inDigest, outDigest }, epoch)),
    }));
    const isLast = held.run.last === held.table.length - 1;
    return { body: { results }, tail: isLast ? this.#sealOutput(jobId, held) : new Uint8Array() };
  }

  /** The run's stages, one after the other; none if one of them abstains. */
  async #run(jobId: Hex, held: Held): Promise<readonly Claimed[]> {
    const { run, job, table } = held;
    const claims: Claimed[] = [];
    for (let stage = run.first; stage <= run.last; stage += 1) {
      const key = workKey(jobId, stage);
      const inDigest = this.#inputDigest(jobId, held, stage);
      if (inDigest === null) return [];
      const { outDigest } = await this.#work.run(key, job.spec, stage, table, this.#signal);
      const output = this.#work.output(key);
      if (isAbstention(outDigest) || output === null) return [];
      claims.push({ stage, inDigest, outDigest });
      if (stage === run.last) held.output = output;
      else this.#accept(jobId, held, stage + 1, output);
    }
    return claims;
  }

  /** The claim, with the channel that the run's input came through: an auditor recomputes its hash from what follows the signature. */
  #sign(jobId: Hex, { run, origin }: Held, claimed: Claimed, epoch: number): Uint8Array {
    const { chainId, hub, worker } = this.#self.place();
    const channel = claimed.stage === run.first ? origin : null;
    const result = { claim: { jobId, ...claimed, worker }, channelHash: channel?.channelHash ?? ZERO_BYTES32, epoch };
    const signature = signDigest(enclaveResultDigest(domainSeparator({ chainId, hub }), result), this.#self.claimKey);
    return concatBytes(encodeEnclaveEvidence(result, signature), channel?.handshake ?? new Uint8Array());
  }

  #sealOutput(jobId: Hex, { job, output, run }: Held): Uint8Array {
    const { chainId, hub, worker } = this.#self.place();
    const { resultKey } = job.spec;
    if (BigInt(resultKey) === 0n || output === null) return new Uint8Array();
    const context = sealContext({ chainId, hub, jobId, boundary: run.last, lane: 0, sender: worker });
    return sealBlob(this.#self.crypto, { context, recipients: [fromHex(resultKey, 32)], plain: output });
  }

  forget(jobId: Hex): void {
    const held = this.#jobs.get(jobId);
    this.#jobs.delete(jobId);
    held?.output?.fill(0);
    for (const { salt } of held?.salts ?? []) salt.fill(0);
    for (const stage of held?.table.keys() ?? []) this.#work.forget(workKey(jobId, stage));
  }
}
