// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, joinBytes } from "../core/bytes.ts";
import { CHANNEL_PROTOCOL, decodeChannelReply, encodeChannelData, type ChannelReply } from "../core/channel-wire.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest, type Envelope } from "../core/envelope.ts";
import { hasCode } from "../core/errors.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import type { ProofPhase, ProofStatus } from "../core/proof-wire.ts";
import { unpackSignature } from "../core/signature.ts";
import type { Job, Record as JobRecord, StageInfo } from "../core/types.ts";
import { findCandidates, pokeCandidates } from "./candidates.ts";
import type { Committee } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import type { InputHolder } from "./input-desk.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import type { ResultHolder } from "./result-desk.ts";
import type { ScheduledPort, ScheduledRun } from "./scheduled-port.ts";
import type { HeldProof, JobMemory, KnownOffer } from "./seat-codec.ts";
import { STATE } from "./seat-machine.ts";
import { EMPTY_RECORD, SessionState } from "./session-state.ts";

const CALL_MS = 15_000;
const KEEP_MS = 24 * 3_600_000;
/** A boundary that is not here, or a peer that is not there yet. */
const RETRY_MS = 250;
const SUBMIT_AGAIN_MS = 3_000;

const isRefusal = (error: unknown, refusal: string): boolean =>
  hasCode(error, "ENCLAVE_REFUSED") && error.meta["refusal"] === refusal;

/**
 * One job whose stages several enclaves share, of which this worker is a candidate. Its enclave has one run of them, by the client's
 * sealed order: it takes the boundary before it over a channel, computes, and feeds the enclave after it. This host carries sealed bytes
 * and tells the chain what its enclave signed. Everything is level-triggered; after a restart of the enclave, whose keys are then new,
 * the client gives the run to another.
 */
export class ScheduledSession implements InputHolder, ResultHolder {
  readonly jobId: Hex;
  readonly #state: SessionState;
  readonly #enclave: ScheduledPort;
  #run: ScheduledRun | null = null;
  /** The enclave has what its first stage takes. */
  #isFed = false;
  /** Attempt whose next enclave has the boundary. */
  #passed = -1;
  #seq = 0n;
  #isTicking = false;

  constructor(jobId: Hex, memory: JobMemory, modules: ProtocolModules, enclave: ScheduledPort) {
    this.jobId = jobId;
    this.#state = new SessionState(jobId, memory, null, modules);
    this.#enclave = enclave;
  }

  static memoryOf(job: Job): JobMemory {
    return { job, record: EMPTY_RECORD, batches: {}, posted: {}, offers: [], result: null, place: null, proofs: [] };
  }

  get job(): Job {
    return this.#state.job;
  }
  get committee(): Committee | null {
    return this.#state.committee;
  }
  /** Only the client orders. */
  readonly formerSigners: readonly Hex[] = [];
  get offers(): readonly KnownOffer[] {
    return this.#state.memory.offers;
  }
  get result(): Hex | null {
    return this.#state.memory.result;
  }
  /** The chain has counted it. */
  get isResultOut(): boolean {
    const state = this.#state.slot?.state;
    return state === STATE.WINDOW || state === STATE.FINAL;
  }
  get isOver(): boolean {
    return this.#state.isOver;
  }
  /** A stage that its enclave has and the chain has not. */
  get isNeeded(): boolean {
    return this.#run !== null && !this.isOver && this.#state.record.boundaries.length <= this.#run.last;
  }
  get appetite(): "hungry" | "none" {
    return this.#rank === null || !this.#enclave.serves(this.job.spec) ? "none" : "hungry";
  }

  get #rank(): number | null {
    const own = this.#state.modules.keys.operator.address.toLowerCase();
    const at = this.committee?.signers.findIndex((signer) => signer.toLowerCase() === own) ?? -1;
    return at < 0 ? null : at;
  }
  get #results(): readonly HeldProof[] {
    return this.#state.memory.proofs ?? [];
  }

  signerOf(workerId: number): Hex | null {
    return this.#state.signerOf(workerId);
  }
  addressesOf(signer: Hex): readonly PeerAddress[] {
    return this.#state.addressesOf(signer);
  }
  refresh(): Promise<void> {
    return this.#state.refresh();
  }
  rewind(): Promise<void> {
    return this.#state.rewind();
  }
  setRecord(change: (record: JobRecord) => JobRecord): void {
    this.#state.saveMemory({ record: change(this.#state.record) });
  }
  setResult(root: Hex): void {
    this.#state.saveMemory({ result: root });
  }
  addOffer(offer: KnownOffer): void {
    if (this.offers.some((known) => known.blob === offer.blob && known.sender === offer.sender)) return;
    this.#state.saveMemory({ offers: [...this.offers, offer] });
  }
  save(): void {
    this.#state.saveMemory({});
  }

  /** This process has no key for any of it, and must not. */
  take(): never {
    throw new ProtocolError("OFFER_REFUSED", { job: this.jobId, reason: "only enclaves see its input" });
  }

  readonly takeInside = async (blob: Uint8Array, offer: KnownOffer, isPublic: boolean): Promise<void> => {
    if (isPublic) throw new ProtocolError("OFFER_REFUSED", { job: this.jobId, reason: "no order" });
    const { boundary, sender } = offer;
    const run = await this.#enclave.schedule(this.job, { boundary, sender, blob });
    const { logger } = this.#state.modules;
    if (this.#run?.first !== run.first || this.#run.last !== run.last) {
      this.#isFed = run.first === 0;
      // What another run came to is not this one's.
      this.#state.saveMemory({ proofs: [] });
      this.#passed = -1;
    }
    if (this.#run?.attempt !== run.attempt) logger.info("schedule.taken", { stage: run.first, count: run.last - run.first + 1, round: run.attempt }); // prettier-ignore
    this.#run = run;
  };

  // --- Peers -------------------------------------------------------------------------------------------------------------

  /** For the client, who replaces whoever has forgotten its run: an enclave that died has. */
  status(): ProofStatus {
    const run = this.#run;
    const phase = (stage: number): ProofPhase => {
      if (run === null || stage < run.first || stage > run.last) return "none";
      if (this.#results.some((one) => one.stage === stage)) return "proven";
      return this.#isFed ? "working" : "waiting";
    };
    const phases = Array.from({ length: this.job.spec.stages }, (_, stage) => phase(stage));
    return { able: this.appetite === "hungry", load: 0, phases };
  }

  /** Bytes from the enclave before this one, whose worker signed for them. Errors: STRANGER, ENCLAVE_REFUSED, ENCLAVE_LOST. */
  async hear(from: Hex, isFirst: boolean, bytes: Uint8Array): Promise<ChannelReply> {
    if (this.#run === null || this.#run.previous?.toLowerCase() !== from.toLowerCase())
      throw new ProtocolError("STRANGER", { job: this.jobId });
    const step = await this.#guard(() => this.#enclave.step(this.jobId, { isDialler: false, isFirst }, bytes));
    if (step.isOver && !this.#isFed) {
      this.#isFed = true;
      this.#state.modules.logger.info("channel.received", { stage: this.#run.first });
      void this.tick();
    }
    return { isOver: step.isOver, bytes: step.bytes };
  }

  // --- Work --------------------------------------------------------------------------------------------------------------

  /** Does whatever is due; never runs twice at once. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    if (this.#isTicking || this.#state.modules.signal.aborted) return;
    this.#isTicking = true;
    try {
      if (this.#state.slot === null) await this.#state.refresh();
      const { slot, modules, effects } = this.#state;
      if (slot === null || this.isOver) return;
      if (this.#state.committee === null) await findCandidates(this.#state, slot);
      const rank = this.#rank;
      if (rank === null) return;
      const table = (this.#state.table ??= await this.#readTable());
      if (modules.behaviour().isSilent) return;
      const run = this.#run;
      if (run !== null) {
        const isComputed = this.#results.some(({ stage }) => stage === run.last);
        if (this.#isFed && !isComputed) effects.once("compute", () => this.#compute(run));
        if (isComputed && run.next !== null && this.#passed < run.attempt)
          effects.once("pass", () => this.#pass(run, run.next ?? "0x"));
        if (slot.state === STATE.OPEN) effects.once("submit", () => this.#submit(table));
      }
      pokeCandidates(this.#state, slot, false);
    } finally {
      this.#isTicking = false;
    }
  }

  async #readTable(): Promise<readonly StageInfo[]> {
    const { models, chain } = this.#state.modules;
    return models.table(this.job.spec.modelId) ?? (await chain.stageTable(this.job.spec.modelId));
  }

  /** Who has new keys, or has forgotten, has no run: the client must give it to another. */
  async #guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (hasCode(error, "ENCLAVE_LOST") || isRefusal(error, "JOB_UNKNOWN")) {
        this.#state.modules.logger.warn("schedule.lost", { code: "ENCLAVE_LOST" });
        this.#run = null;
      }
      throw error;
    }
  }

  async #compute(run: ScheduledRun): Promise<void> {
    const { modules, effects } = this.#state;
    const { clock, metrics, logger, blobs, keys, checkpoint } = modules;
    const started = clock.monotonicMs();
    const { results, sealed } = await this.#guard(() => this.#enclave.compute(this.jobId));
    metrics.observe("assay_jobs_stage_seconds", { phase: "infer" }, (clock.monotonicMs() - started) / 1000);
    if (this.#run !== run && this.#run?.attempt === run.attempt) return;
    if (results.length === 0) {
      logger.warn("schedule.not-computed", { stage: run.first });
      return effects.delay("compute", 40 * RETRY_MS);
    }
    checkpoint("computed");
    if (sealed !== null) this.setResult(await blobs.keep(sealed, clock.nowMs() + KEEP_MS));
    const worker = keys.operator.address;
    this.#state.saveMemory({ proofs: results.map(({ stage, outDigest, evidence }) => ({ stage, worker, outDigest, evidence })) }); // prettier-ignore
    void this.tick();
  }

  // --- The boundary ------------------------------------------------------------------------------------------------------

  /** Opens a channel to the next enclave and feeds it; from the start again when anything fails. */
  async #pass({ attempt, last }: ScheduledRun, next: Hex): Promise<void> {
    const { modules, effects, profiles } = this.#state;
    const { chain, logger, clock } = modules;
    const { committee } = this;
    const id = committee?.ids[committee.signers.findIndex((one) => one.toLowerCase() === next.toLowerCase())];
    if (id === undefined) return effects.delay("pass", 40 * RETRY_MS);
    if (!profiles.has(id)) this.#state.profiles = new Map([...profiles, ...(await chain.profiles([id]))]);
    const [address] = this.#state.profiles.get(id)?.addresses ?? [];
    if (address === undefined) return effects.delay("pass", 40 * RETRY_MS);
    const started = clock.monotonicMs();
    try {
      const bytes = await this.#carry(address, next);
      this.#passed = attempt;
      logger.info("channel.sent", { stage: last, bytes, durationMs: Math.round(clock.monotonicMs() - started) });
    } catch (error) {
      // It has no order yet, or is gone: the client's to find out.
      logger.debug("channel.failed", { stage: last, error });
      effects.delay("pass", RETRY_MS);
    }
  }

  async #carry(address: PeerAddress, next: Hex): Promise<number> {
    const enclave = this.#enclave;
    const { jobId } = this;
    let bytes = await this.#guard(() => enclave.dial(jobId));
    let total = 0;
    for (let isOpen = false, isFirst = true; !isOpen; isFirst = false) {
      const reply = await this.#call(address, next, isFirst, bytes);
      total += bytes.length;
      if (reply.isOver) return total;
      const heard = await this.#guard(() => enclave.step(jobId, { isDialler: true, isFirst: false }, reply.bytes));
      ({ isOpen, bytes } = heard);
      if (!isOpen && bytes.length === 0) throw new ProtocolError("MESSAGE_INVALID", { protocol: CHANNEL_PROTOCOL, reason: "it says nothing" }); // prettier-ignore
    }
    for (;;) {
      const fed = await this.#guard(() => enclave.feed(jobId));
      const data = concatBytes(bytes, fed.bytes);
      const reply = await this.#call(address, next, false, data);
      total += data.length;
      bytes = new Uint8Array();
      if (reply.isOver) return total;
      if (fed.isLast) throw new ProtocolError("MESSAGE_INVALID", { protocol: CHANNEL_PROTOCOL, reason: "the boundary did not arrive" }); // prettier-ignore
    }
  }

  async #call(address: PeerAddress, to: Hex, isFirst: boolean, bytes: Uint8Array): Promise<ChannelReply> {
    const { chain, clock, keys, metrics, transport, signal } = this.#state.modules;
    const body = encodeChannelData({ isFirst, bytes });
    // Ascending across restarts too: the wall clock in microseconds, then a counter.
    const now = BigInt(clock.nowMs()) * 1000n;
    this.#seq = this.#seq >= now ? this.#seq + 1n : now;
    const envelope: Envelope = {
      protocol: CHANNEL_PROTOCOL,
      from: keys.operator.address,
      to,
      jobId: this.jobId,
      seq: this.#seq,
      deadline: BigInt(Math.floor(chain.now()) + 60),
      bodyHash: bodyHashOf(body),
    };
    metrics.count("assay_jobs_signatures_total", { kind: "envelope" });
    const signature = unpackSignature(keys.operator.signDigest(envelopeDigest(chain.domainSeparator, envelope)));
    const request = encodeEnvelope({ envelope, signature, body });
    const chunks: Uint8Array[] = [];
    const options = { signal, deadlineMs: CALL_MS, maxReplyBytes: 4_200 };
    for await (const chunk of transport.call(address, CHANNEL_PROTOCOL, request, options)) chunks.push(chunk);
    return decodeChannelReply(joinBytes(chunks));
  }

  // --- The chain ---------------------------------------------------------------------------------------------------------

  /** The own results, once everything before them stands. */
  async #submit(table: readonly StageInfo[]): Promise<void> {
    const { modules, effects, record, job } = this.#state;
    const { chain, checkpoint } = modules;
    effects.delay("submit", RETRY_MS);
    const from = record.boundaries.length;
    const due = this.#results.filter(({ stage }) => stage >= from);
    if (due[0]?.stage !== from) return;
    checkpoint("results-sending");
    const proofs = due.map(({ worker, outDigest, evidence }) => ({ worker, outDigest, evidence }));
    await chain.submitProofs({ jobId: this.jobId, job, record, table, proofs, output: "0x" });
    checkpoint("results-sent");
    effects.delay("submit", SUBMIT_AGAIN_MS);
  }

  forget(): void {
    this.#enclave.forget(this.jobId);
  }
}
