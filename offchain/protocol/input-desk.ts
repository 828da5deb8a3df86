// SPDX-License-Identifier: GPL-3.0-or-later
import { assertExposure } from "../core/planning/leakage-limits.ts";
import { splitBlob, type SplitBlob } from "../core/blob.ts";
import { encodePut, PUT_PROTOCOL } from "../core/blob-put.ts";
import { joinBytes, toHex } from "../core/bytes.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  bodyHashOf,
  envelopeDigest,
  verifyEnvelope,
  type Envelope,
} from "../core/envelope.ts";
import { isAssayError } from "../core/errors.ts";
import {
  decodeOffer,
  encodeOffer,
  encodeOfferReply,
  decodeOfferReply,
  OFFER_PROTOCOL,
  type Offer,
  type OfferReply,
} from "../core/messages.ts";
import { sealBlob, sealContext, sealRecipients } from "../core/seal.ts";
import { unpackSignature } from "../core/signature.ts";
import type { Job } from "../core/types.ts";
import { needsEnclave } from "./audit-steps.ts";
import type { Committee } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import type { BlobSource, Hex, ProtocolModules, WorkerProfile } from "./ports.ts";
import type { KnownOffer } from "./seat-codec.ts";
import { unseal } from "./unseal.ts";

export interface InputDeskOptions {
  /** Largest sealed input taken, bytes. */
  readonly maxBlobBytes: number;
  /** Offers under way at once, of all peers and of one. */
  readonly maxPending: number;
  readonly maxPendingPerPeer: number;
}

/** A job that sealed inputs are for: a seat's, or a prover's. */
export interface InputHolder {
  readonly jobId: Hex;
  readonly job: Job;
  /** Its seats or candidates; null while they are not known. */
  readonly committee: Committee | null;
  /** Signers of an earlier round, who may pass inputs on. */
  readonly formerSigners: readonly Hex[];
  readonly offers: readonly KnownOffer[];
  readonly isOver: boolean;
  /** What an offer meets: a place for it, one that has its input already, a full queue, or nobody. */
  readonly appetite: "hungry" | "fed" | "busy" | "none";
  addOffer(offer: KnownOffer): void;
  signerOf(workerId: number): Hex | null;
  /** Where a signer of this job can be dialled; empty for requesters, and while it is not known. */
  addressesOf(signer: Hex): readonly PeerAddress[];
  /** Takes what an offered blob held; the bytes are wiped afterwards. Errors: OFFER_REFUSED, those of the form's decoder. */
  take(plain: Uint8Array, offer: KnownOffer, isPublic: boolean): void | Promise<void>;
  /** The same of jobs whose inputs only enclaves see: the blob as it came; null if there is no enclave for it here. */
  readonly takeInside: ((blob: Uint8Array, offer: KnownOffer, isPublic: boolean) => Promise<void>) | null;
  tick(): Promise<void>;
}

/** Offers kept per job, of its requester and client, and again of all holders together: those cannot keep the client's input out. */
const MAX_OFFERS = 24;
/** Furthest deadline of an envelope, seconds: bounds how long sequence numbers matter. */
const MAX_AHEAD_SEC = 3_600n;
const KEEP_MS = 3_600_000;
const OFFER_CALL_MS = 5_000;
/** After which a receiver that fetches is asked whether it has. */
const FETCHED_MS = 2_000;
/** What a worker says that has not seen the block yet in which its committee was drawn. */
const MAYBE_BEHIND: ReadonlySet<string> = new Set(["SEAT_UNKNOWN", "STRANGER"]);

/**
 * Takes offers of sealed inputs (`/assay/offer/1`), fetches or awaits their blobs, and opens them for the session of their job. An offer is an
 * envelope by the job's requester, its client, or a seat of the job; everybody else is a stranger.
 */
export class InputDesk {
  readonly #options: InputDeskOptions;
  readonly #modules: ProtocolModules;
  readonly #session: (jobId: Hex) => InputHolder | null;
  readonly #pending = new Map<Hex, number>();
  readonly #lastSeq = new Map<string, bigint>();
  readonly #sent = new Set<string>();
  /** Blobs under way, and those that were opened, by "job/sender/blob". */
  readonly #obtaining = new Set<string>();
  readonly #opened = new Set<string>();
  /** Who could not be fetched from, by "job/sender": it is let put. */
  readonly #undialled = new Set<string>();
  #seq = 0n;

  constructor(options: InputDeskOptions, modules: ProtocolModules, session: (jobId: Hex) => InputHolder | null) {
    this.#options = options;
    this.#modules = modules;
    this.#session = session;
  }

  /** One offer. Never throws: what is wrong is in the reply, as the transport's caller is not trusted. */
  handle(request: Uint8Array): Uint8Array {
    try {
      return encodeOfferReply(this.#take(request));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      this.#modules.logger.debug("offer.refused", { code: error.code });
      return encodeOfferReply({ answer: "REFUSE", code: error.code });
    }
  }

  #refuse(reason: "malformed" | "signature" | "replay" | "expired" | "stranger"): void {
    this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason });
  }

  #take(request: Uint8Array): OfferReply {
    const { chain, keys, clock, models } = this.#modules;
    let offer: Offer;
    const signed = (() => {
      try {
        const envelope = decodeEnvelope(request);
        offer = decodeOffer(envelope.body);
        return { ...envelope, offer };
      } catch (error) {
        this.#refuse("malformed");
        throw error;
      }
    })();
    const { envelope } = signed;
    offer = signed.offer;
    const session = this.#session(offer.jobId);
    // The sender reads the chain too: one of us is a block behind.
    if (session === null) return { answer: "BUSY", retryAfterMs: 400 };
    if (envelope.jobId.toLowerCase() !== offer.jobId)
      throw new ProtocolError("OFFER_REFUSED", { job: offer.jobId, reason: "envelope of another job" });
    if (session.committee === null) return { answer: "BUSY", retryAfterMs: 300 };
    const from = envelope.from.toLowerCase();
    const { requester, spec } = session.job;
    const parties = [requester, spec.client, ...session.committee.signers, ...session.formerSigners];
    if (!parties.some((party) => party.toLowerCase() === from)) {
      this.#refuse("stranger");
      throw new ProtocolError("STRANGER", { job: offer.jobId });
    }
    const seqKey = `${from}/${offer.jobId}`;
    if (envelope.seq <= (this.#lastSeq.get(seqKey) ?? -1n)) {
      this.#refuse("replay");
      throw new ProtocolError("OFFER_REFUSED", { job: offer.jobId, reason: "sequence number was used" });
    }
    const { appetite } = session;
    if (appetite === "none") throw new ProtocolError("SEAT_UNKNOWN", { job: offer.jobId, stage: 0, round: 0 });
    if (offer.bytes > this.#options.maxBlobBytes)
      throw new ProtocolError("OFFER_REFUSED", {
        job: offer.jobId,
        reason: `more than ${this.#options.maxBlobBytes} bytes`,
      });
    if (needsEnclave(spec) && session.takeInside === null)
      throw new ProtocolError("OFFER_REFUSED", { job: offer.jobId, reason: "no enclave here serves the job" });
    // Before a byte of it is here.
    assertExposure(models.exposure(spec.modelId), spec.policy.flags);
    const isClient = (party: string) =>
      [requester, spec.client].some((one) => one.toLowerCase() === party.toLowerCase());
    const pending = [...this.#pending.values()].reduce((sum, count) => sum + count, 0);
    const ofPeer = this.#pending.get(`0x${from.slice(2)}`) ?? 0;
    if (
      appetite === "busy" ||
      pending >= this.#options.maxPending ||
      ofPeer >= this.#options.maxPendingPerPeer ||
      session.offers.filter(({ sender }) => isClient(sender) === isClient(from)).length >= MAX_OFFERS
    )
      return { answer: "BUSY", retryAfterMs: 1_000 };
    try {
      verifyEnvelope(signed, {
        domain: chain.domainSeparator,
        protocol: OFFER_PROTOCOL,
        to: keys.operator.address,
        now: BigInt(Math.floor(chain.now())),
        maxAhead: MAX_AHEAD_SEC,
      });
    } catch (error) {
      this.#refuse("signature");
      throw error;
    }
    this.#lastSeq.set(seqKey, envelope.seq);
    const sender: Hex = `0x${from.slice(2)}`;
    const { blob, boundary, bytes, grant } = offer;
    if (appetite === "fed" || this.#opened.has(nameOf(offer.jobId, sender, blob)))
      return { answer: "ACCEPT", credits: 0 };
    const known = { sender, boundary, blob, bytes, grant };
    session.addOffer(known);
    const isFetched = this.#sourceOf(session, known) !== null;
    if (!isFetched) this.#modules.blobs.expect(blob, grant, bytes, clock.nowMs() + KEEP_MS);
    void this.#obtain(session, known);
    return isFetched ? { answer: "FETCH" } : { answer: "ACCEPT", credits: bytes };
  }

  /** Where an offered blob is fetched; null: its sender puts it, as clients do, and whom nobody can dial. */
  #sourceOf(session: InputHolder, { sender, grant }: KnownOffer): BlobSource | null {
    const { requester, spec } = session.job;
    const isClient = [requester, spec.client].some((party) => party.toLowerCase() === sender.toLowerCase());
    const [peer] = session.addressesOf(sender);
    if (isClient || peer === undefined || grant === undefined) return null;
    return this.#undialled.has(`${session.jobId}/${sender}`) ? null : { peer, grant };
  }

  /** Whether the blob was fetched. A holder that cannot be fetched from is let put it when it offers again. */
  async #fetch(session: InputHolder, offer: KnownOffer): Promise<boolean> {
    const { blobs, clock, logger, signal } = this.#modules;
    const source = this.#sourceOf(session, offer);
    if (source === null) return false;
    const { blob: root, bytes } = offer;
    try {
      await blobs.fetch({ root, bytes, sources: [source], expiresAtMs: clock.nowMs() + KEEP_MS, signal });
      return true;
    } catch (error) {
      if (signal.aborted || !isAssayError(error)) throw error;
      logger.debug("offer.not-fetched", { job: session.jobId, code: error.code });
      this.#undialled.add(`${session.jobId}/${offer.sender}`);
      blobs.expect(root, source.grant, bytes, clock.nowMs() + KEEP_MS);
      return false;
    }
  }

  /** After a restart: opens what is here, and goes on fetching what is not. Errors: those of `open`. */
  async resume(session: InputHolder, offer: KnownOffer): Promise<void> {
    if (!(await this.open(session, offer)) && offer.grant !== undefined) void this.#obtain(session, offer);
  }

  async #obtain(session: InputHolder, offer: KnownOffer): Promise<void> {
    const { clock, logger, signal } = this.#modules;
    const name = nameOf(session.jobId, offer.sender, offer.blob);
    if (this.#obtaining.has(name)) return;
    this.#obtaining.add(name);
    this.#pending.set(offer.sender, (this.#pending.get(offer.sender) ?? 0) + 1);
    try {
      const until = clock.monotonicMs() + 60_000;
      while (!signal.aborted && clock.monotonicMs() < until && !session.isOver) {
        if (await this.open(session, offer)) return;
        // Another holder was faster.
        if (session.appetite === "fed") return;
        if (!(await this.#fetch(session, offer))) await clock.sleep(40, signal);
      }
    } catch (error) {
      if (!signal.aborted)
        logger.warn("offer.failed", {
          job: session.jobId,
          error,
          ...(isAssayError(error) ? { code: error.code } : {}),
        });
    } finally {
      this.#obtaining.delete(name);
      const left = (this.#pending.get(offer.sender) ?? 1) - 1;
      if (left > 0) this.#pending.set(offer.sender, left);
      else this.#pending.delete(offer.sender);
    }
  }

  /** Opens a blob that is here; false while parts are missing. Errors: those of `openSealedBlob` and `decodeSealedInput`. */
  async open(session: InputHolder, offer: KnownOffer): Promise<boolean> {
    const { blobs, chain, crypto, keys } = this.#modules;
    const bytes = await blobs.read(offer.blob, this.#options.maxBlobBytes);
    if (bytes === null || session.appetite === "none") return false;
    const { jobId } = session;
    const isPublic = offer.blob === session.job.spec.inputRef;
    if (needsEnclave(session.job.spec)) {
      // This process has no key for it, and must not.
      await session.takeInside?.(bytes, offer, isPublic);
    } else if (isPublic) {
      await session.take(bytes, offer, true);
    } else {
      const context = sealContext({
        chainId: chain.chainId,
        hub: chain.hub,
        jobId,
        boundary: offer.boundary,
        lane: 0,
        sender: offer.sender,
      });
      const plain = unseal(bytes, context, { keys, crypto, maxBytes: this.#options.maxBlobBytes });
      await session.take(plain, offer, false);
      plain.fill(0);
    }
    this.#opened.add(nameOf(jobId, offer.sender, offer.blob));
    await session.tick();
    return true;
  }

  // --- Sending ------------------------------------------------------------------------------------------------------------

  /** Seals bytes to workers of the job and offers them until each has accepted. Idempotent per (job, boundary, purpose). */
  async send(
    session: InputHolder,
    to: readonly WorkerProfile[],
    boundary: number,
    plain: Uint8Array,
    purpose: string,
  ): Promise<void> {
    const { blobs, chain, clock, crypto, keys, randomBytes, logger } = this.#modules;
    // Other receivers after a reorganisation are another sending.
    const key = `${session.jobId}/${purpose}/${to.map(({ workerId }) => workerId).join()}`;
    if (this.#sent.has(key) || to.length === 0) return;
    this.#sent.add(key);
    const { jobId } = session;
    const context = sealContext({
      chainId: chain.chainId,
      hub: chain.hub,
      jobId,
      boundary,
      lane: 0,
      sender: keys.operator.address,
    });
    const recipients = sealRecipients(
      crypto,
      to.map((one) => one.sealKey),
    );
    if (recipients.length === 0) return;
    const sealed = sealBlob(crypto, { context, recipients, plain });
    const grant = toHex(randomBytes(16));
    const split = splitBlob(sealed);
    const { root: blob } = await blobs.publish(sealed, { grant, expiresAtMs: clock.nowMs() + KEEP_MS });
    const offer: Offer = {
      jobId,
      boundary,
      lane: 0,
      blob,
      bytes: sealed.length,
      deadline: BigInt(Math.floor(chain.now()) + 600),
      grant,
    };
    logger.info("input.passed-on", { job: jobId, seats: to.length, kind: purpose });
    await Promise.all(to.map((one) => this.#deliver(session, one, offer, split)));
  }

  async #deliver(session: InputHolder, to: WorkerProfile, offer: Offer, blob: SplitBlob): Promise<void> {
    const { clock, signal, logger } = this.#modules;
    const receiver = session.signerOf(to.workerId);
    if (receiver === null) return;
    for (let attempt = 0; attempt < 8 && !signal.aborted && !session.isOver; attempt += 1) {
      let pause = 300 * 2 ** Math.min(attempt, 3);
      try {
        const [address] = to.addresses;
        if (address === undefined) return;
        const reply = decodeOfferReply(await this.#call(address, OFFER_PROTOCOL, this.#envelope(receiver, offer)));
        if (reply.answer === "ACCEPT") {
          for (const { bytes } of reply.credits === 0 ? [] : blob.parts)
            await this.#call(address, PUT_PROTOCOL, encodePut({ grant: offer.grant, root: offer.blob, part: bytes }));
          return;
        }
        if (reply.answer === "REFUSE" && !MAYBE_BEHIND.has(reply.code)) return;
        if (reply.answer === "BUSY") pause = reply.retryAfterMs;
        // Asked once more: it has fetched by then, or wants the parts put, since it cannot dial us.
        if (reply.answer === "FETCH") pause = FETCHED_MS * 2 ** Math.min(attempt, 3);
      } catch (error) {
        logger.debug("offer.call-failed", { job: session.jobId, worker: to.workerId, error });
      }
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  async #call(address: PeerAddress, protocol: string, request: Uint8Array): Promise<Uint8Array> {
    const { transport, signal } = this.#modules;
    const chunks: Uint8Array[] = [];
    const options = { signal, deadlineMs: OFFER_CALL_MS, maxReplyBytes: 256 };
    for await (const chunk of transport.call(address, protocol, request, options)) chunks.push(chunk);
    return joinBytes(chunks);
  }

  #envelope(to: Hex, offer: Offer): Uint8Array {
    const { chain, keys, clock, metrics } = this.#modules;
    const body = encodeOffer(offer);
    // Ascending across restarts too: the wall clock in microseconds, then a counter.
    this.#seq = this.#seq >= BigInt(clock.nowMs()) * 1000n ? this.#seq + 1n : BigInt(clock.nowMs()) * 1000n;
    const envelope: Envelope = {
      protocol: OFFER_PROTOCOL,
      from: keys.operator.address,
      to,
      jobId: offer.jobId,
      seq: this.#seq,
      deadline: BigInt(Math.floor(chain.now()) + 60),
      bodyHash: bodyHashOf(body),
    };
    metrics.count("assay_jobs_signatures_total", { kind: "envelope" });
    const signature = unpackSignature(keys.operator.signDigest(envelopeDigest(chain.domainSeparator, envelope)));
    return encodeEnvelope({ envelope, signature, body });
  }

  forget(jobId: Hex): void {
    for (const key of this.#lastSeq.keys()) if (key.endsWith(jobId)) this.#lastSeq.delete(key);
    for (const set of [this.#sent, this.#opened, this.#undialled])
      for (const key of set) if (key.startsWith(jobId)) set.delete(key);
  }
}

const nameOf = (jobId: Hex, sender: Hex, blob: Hex): string => `${jobId}/${sender}/${blob}`;
