// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import {
  BOUNDARY_PROTOCOL,
  decodeBoundaryIndex,
  decodeBoundaryRequest,
  microBatchCount,
  type BoundaryAsk,
} from "../core/boundary-index.ts";
import { joinBytes } from "../core/bytes.ts";
import { decodeEnvelope, verifyEnvelope } from "../core/envelope.ts";
import { isAssayError } from "../core/errors.ts";
import { decodeOfferReply, encodeOfferReply, type OfferReply } from "../core/messages.ts";
import { ZERO_ADDRESS, type StageInfo } from "../core/types.ts";
import { BoundaryIn, type BoundaryReader, type SignedIndex } from "./boundary-in.ts";
import { BoundaryOut, type OutgoingBoundary } from "./boundary-out.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ProtocolModules, WorkerProfile } from "./ports.ts";
import type { KnownFeed } from "./seat-codec.ts";
import type { StageWork } from "./stage-work.ts";

/** A job whose boundaries this worker takes or sends. */
export interface BoundaryHolder extends BoundaryReader {
  readonly table: readonly StageInfo[] | null;
  /** The stage of this worker's seat in the first committees; null: none, or not known yet. */
  readonly seatedStage: number | null;
  /** Seats of the first committee of a stage; empty while they are not known. */
  stageSigners(stage: number): readonly Hex[];
  signerOf(workerId: number): Hex | null;
  readonly feeds: readonly KnownFeed[];
  addFeed(feed: KnownFeed): void;
}

export interface BoundaryDeskOptions {
  /** Largest sealed micro-batch taken, bytes. */
  readonly maxBlobBytes: number;
}

/** For a receiver that cannot dial us; false while the boundary is not complete. */
export type PushBoundary = (jobId: Hex, boundary: number, stage: number, to: WorkerProfile) => Promise<boolean>;

const MAX_AHEAD_SEC = 3_600n;
const ASK_WAIT_MS = 8_000;
/** Questions of one boundary that may wait at once: its receivers are at most 31, and ask one at a time. */
const MAX_ASKS = 64;
const CALL_MS = 5_000;
/** After which a receiver that fetches is told again: it has the boundary by then, or wants it put. */
const AGAIN_MS = 2_000;
const ATTEMPTS = 8;
/** Seats that have not seen the block yet in which their committee was drawn. */
const MAYBE_BEHIND: ReadonlySet<string> = new Set(["SEAT_UNKNOWN", "STRANGER", "JOB_UNKNOWN", "DRAINING"]);

/**
 * `/assay/boundary/1`: boundaries from the seats of one stage to those of the next. Holders announce; receivers ask and fetch
 * (`boundary-out.ts`, `boundary-in.ts`). Only a seat of the producing stage can announce, and only what it signed counts.
 */
export class BoundaryDesk {
  readonly #options: BoundaryDeskOptions;
  readonly #modules: ProtocolModules;
  readonly #work: StageWork;
  readonly #session: (jobId: Hex) => BoundaryHolder | null;
  readonly #push: PushBoundary;
  readonly #out = new Map<string, BoundaryOut>();
  readonly #in = new Map<string, BoundaryIn>();
  readonly #asks = new Map<string, number>();

  constructor(
    options: BoundaryDeskOptions,
    modules: ProtocolModules,
    parts: {
      readonly work: StageWork;
      readonly session: (jobId: Hex) => BoundaryHolder | null;
      readonly push: PushBoundary;
    },
  ) {
    this.#options = options;
    this.#modules = modules;
    this.#work = parts.work;
    this.#session = parts.session;
    this.#push = parts.push;
  }

  // --- Sending -----------------------------------------------------------------------------------------------------------

  /** Level-triggered: announces the boundary once, and sends what there is of it. `digest`: null while the whole must not leave. */
  async send(facts: OutgoingBoundary, digest: Hex | null): Promise<void> {
    const output = this.#work.outputRows(facts.jobId);
    if (facts.to.length === 0 || output === null || output.rows.length === 0) return;
    // Other receivers after a reorganisation, or standbys, are another sending: their keys are others.
    const name = `${nameOf(facts)}/${facts.to.map(({ workerId }) => workerId).join()}`;
    let out = this.#out.get(name);
    if (out === undefined) {
      out = new BoundaryOut(facts, this.#modules);
      this.#out.set(name, out);
      await out.advance(output, digest);
      this.#modules.logger.info("boundary.announced", {
        job: facts.jobId,
        stage: facts.boundary,
        seats: facts.to.length,
      });
      for (const to of out.isVain ? [] : facts.to) void this.#announce(out, to);
      return;
    }
    await out.advance(output, digest);
  }

  async #announce(out: BoundaryOut, to: WorkerProfile): Promise<void> {
    const { behaviour, clock, logger, signal } = this.#modules;
    const { jobId, boundary, stage } = out.facts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const session = this.#session(jobId);
      if (session === null || session.isOver || signal.aborted) return;
      let pause = 300 * 2 ** Math.min(attempt, 3);
      try {
        const [address] = to.addresses;
        const request = out.announcement();
        if (address === undefined || request === null || behaviour().isSilent) return;
        const chunks: Uint8Array[] = [];
        const options = { signal, deadlineMs: CALL_MS, maxReplyBytes: 256 };
        for await (const chunk of this.#modules.transport.call(address, BOUNDARY_PROTOCOL, request, options))
          chunks.push(chunk);
        const reply = decodeOfferReply(joinBytes(chunks));
        if (reply.answer === "ACCEPT" && reply.credits === 0) return;
        // It cannot dial us: the boundary is put, once there is all of it.
        if (reply.answer === "ACCEPT" && (await this.#push(jobId, boundary, stage, to))) return;
        if (reply.answer === "REFUSE" && !MAYBE_BEHIND.has(reply.code)) return;
        if (reply.answer === "BUSY") pause = reply.retryAfterMs;
        if (reply.answer === "FETCH") pause = AGAIN_MS * 2 ** Math.min(attempt, 3);
      } catch (error) {
        logger.debug("boundary.call-failed", { job: jobId, worker: to.workerId, error });
      }
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  // --- Peers -------------------------------------------------------------------------------------------------------------

  /** One request. Errors: those of the decoders; JOB_UNKNOWN for a grant that is none; BUSY; DRAINING. */
  async handle(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#modules.behaviour().isSilent) throw new ProtocolError("DRAINING");
    const request = decodeBoundaryRequest(bytes);
    if (request.kind === "ask") return this.#answer(request.ask, signal);
    try {
      return encodeOfferReply(this.#take(request.envelope));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      this.#modules.logger.debug("boundary.refused", { code: error.code });
      return encodeOfferReply({ answer: "REFUSE", code: error.code });
    }
  }

  async #answer(ask: BoundaryAsk, signal: AbortSignal): Promise<Uint8Array> {
    const { jobId, grant } = ask;
    const prefix = `${nameOf(ask)}/`;
    const found = [...this.#out].find(([name, out]) => name.startsWith(prefix) && out.grant === grant);
    if (found === undefined) throw new ProtocolError("JOB_UNKNOWN", { job: jobId });
    const [name, out] = found;
    const waiting = this.#asks.get(name) ?? 0;
    if (waiting >= MAX_ASKS)
      throw new ProtocolError("BUSY", { limit: MAX_ASKS, what: "questions about a boundary", retryAfterMs: 500 });
    this.#asks.set(name, waiting + 1);
    try {
      return await out.ask(ask.have, ASK_WAIT_MS, AbortSignal.any([signal, this.#modules.signal]));
    } finally {
      const left = (this.#asks.get(name) ?? 1) - 1;
      if (left > 0) this.#asks.set(name, left);
      else this.#asks.delete(name);
    }
  }

  #refuse(reason: "malformed" | "signature" | "replay" | "stranger"): void {
    this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason });
  }

  #take(envelope: Uint8Array): OfferReply {
    const { jobId, sender, seq, index, signed } = this.#decode(envelope);
    const session = this.#session(jobId);
    // The sender reads the chain too: one of us is a block behind.
    if (session === null) return { answer: "BUSY", retryAfterMs: 400 };
    const { table, seatedStage } = session;
    const seats = session.stageSigners(index.boundary);
    if (table === null || seats.length === 0) return { answer: "BUSY", retryAfterMs: 300 };
    if (!seats.some((signer) => signer.toLowerCase() === sender)) {
      this.#refuse("stranger");
      throw new ProtocolError("STRANGER", { job: jobId });
    }
    const info = table[index.stage];
    if (seatedStage !== index.stage || info?.producers.includes(index.boundary) !== true)
      throw new ProtocolError("SEAT_UNKNOWN", { job: jobId, stage: index.stage, round: 0 });
    const { policy, stages } = session.job.spec;
    const rows = Math.max(1, batchCount(policy.flags));
    const refuse = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: jobId, reason });
    if (index.rows !== rows || index.total !== microBatchCount(rows, stages) || index.lane !== 0)
      throw refuse("another number of inputs or micro-batches");
    if (index.digestKind !== table[index.boundary]?.outKind) throw refuse("another kind of digest");
    const boundaryIn = this.#in.get(nameOf(index));
    // The same once more is no replay: it asks how far we are.
    if (seq < (boundaryIn?.seqOf(sender) ?? -1n)) {
      this.#refuse("replay");
      throw refuse("an older index than the last one");
    }
    this.#verify(signed);
    if (!session.isHungry) return { answer: "ACCEPT", credits: 0 };
    if (session.addressesOf(sender).length === 0 || boundaryIn?.isUnreachable(sender) === true)
      return { answer: "ACCEPT", credits: index.microBatches.reduce((sum, { bytes }) => sum + bytes, 1) };
    const incoming = this.#incoming(session, index.boundary, index.stage);
    const isKnown = incoming.knowsGrant({ sender, index });
    if (!isKnown && incoming.isFickle(sender)) return { answer: "BUSY", retryAfterMs: 1_000 };
    if (!isKnown) session.addFeed({ sender, index });
    incoming.add({ sender, seq, index });
    return { answer: "FETCH" };
  }

  #decode(bytes: Uint8Array) {
    try {
      const signed = decodeEnvelope(bytes);
      const index = decodeBoundaryIndex(signed.body);
      const { from, seq, jobId } = signed.envelope;
      if (jobId.toLowerCase() !== index.jobId)
        throw new ProtocolError("OFFER_REFUSED", { job: index.jobId, reason: "envelope of another job" });
      const sender: Hex = `0x${from.slice(2).toLowerCase()}`;
      return { jobId: index.jobId, sender, seq, index, signed };
    } catch (error) {
      this.#refuse("malformed");
      throw error;
    }
  }

  #verify(signed: ReturnType<typeof decodeEnvelope>): void {
    const { chain } = this.#modules;
    try {
      verifyEnvelope(signed, {
        domain: chain.domainSeparator,
        protocol: BOUNDARY_PROTOCOL,
        to: ZERO_ADDRESS,
        now: BigInt(Math.floor(chain.now())),
        maxAhead: MAX_AHEAD_SEC,
      });
    } catch (error) {
      this.#refuse("signature");
      throw error;
    }
  }

  readonly #readIndex = (envelope: Uint8Array): SignedIndex => {
    const { sender, seq, index, signed } = this.#decode(envelope);
    this.#verify(signed);
    return { sender, seq, index };
  };

  // --- Receiving ---------------------------------------------------------------------------------------------------------

  #incoming(session: BoundaryHolder, boundary: number, stage: number): BoundaryIn {
    const name = nameOf({ jobId: session.jobId, boundary, stage });
    const modules = {
      ...this.#modules,
      work: this.#work,
      readIndex: this.#readIndex,
      maxBlobBytes: this.#options.maxBlobBytes,
    };
    const made = this.#in.get(name) ?? new BoundaryIn(session, boundary, stage, modules);
    this.#in.set(name, made);
    return made;
  }

  /** After a restart: goes on with what was announced; parts that are on disk do not move again. */
  restore(session: BoundaryHolder): void {
    for (const { sender, index } of session.feeds)
      this.#incoming(session, index.boundary, index.stage).add({ sender, seq: 0n, index });
  }

  /** Called when votes, salts or boundaries may have come. */
  check(session: BoundaryHolder): void {
    for (const boundary of session.table?.[session.seatedStage ?? -1]?.producers ?? [])
      this.#in.get(nameOf({ jobId: session.jobId, boundary, stage: session.seatedStage ?? -1 }))?.check();
  }

  /** Holders of a job's boundaries that were found to have sent or signed something wrong. */
  faulty(jobId: Hex): readonly Hex[] {
    return [...this.#in].filter(([name]) => name.startsWith(jobId)).flatMap(([, one]) => one.faulty);
  }

  forget(jobId: Hex): void {
    for (const map of [this.#out, this.#in, this.#asks])
      for (const name of map.keys()) if (name.startsWith(jobId)) map.delete(name);
  }
}

const nameOf = (facts: { readonly jobId: Hex; readonly boundary: number; readonly stage: number }): string =>
  `${facts.jobId}/${facts.boundary}/${facts.stage}`;
