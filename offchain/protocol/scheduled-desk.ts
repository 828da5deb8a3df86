// SPDX-License-Identifier: GPL-3.0-or-later
import { CHANNEL_PROTOCOL, decodeChannelData, encodeChannelReply } from "../core/channel-wire.ts";
import { decodeEnvelope, verifyEnvelope, type SignedEnvelope } from "../core/envelope.ts";
import { isAssayError } from "../core/errors.ts";
import { decodeProofRequest, encodeProofStatus } from "../core/proof-wire.ts";
import { ENCLAVE } from "../core/types.ts";
import { ProtocolError } from "./errors.ts";
import type { InputDesk } from "./input-desk.ts";
import type { Hex, HubFact, ProtocolModules } from "./ports.ts";
import { ScheduledSession } from "./scheduled-session.ts";
import { decodeMemory, type JobMemory } from "./seat-codec.ts";
import { GONE } from "./session-state.ts";

/** Asks a worker how far its enclave is with a job: the request and reply of `/assay/proof/1`. */
export const SCHEDULE_PROTOCOL = "/assay/schedule/1";
/** Furthest deadline of an envelope, seconds. */
const MAX_AHEAD_SEC = 3_600n;

/** Jobs of mask ENCLAVE: several enclaves share their stages. Others are none of its business. */
export class ScheduledDesk {
  readonly #modules: ProtocolModules;
  readonly #input: () => InputDesk;
  readonly #maxTracked: number;
  readonly #sessions = new Map<Hex, ScheduledSession>();
  readonly #lastSeq = new Map<string, bigint>();

  constructor(maxTracked: number, modules: ProtocolModules, input: () => InputDesk) {
    this.#maxTracked = maxTracked;
    this.#modules = modules;
    this.#input = input;
  }

  session(jobId: Hex): ScheduledSession | null {
    return this.#sessions.get(jobId) ?? null;
  }

  get sessions(): readonly ScheduledSession[] {
    return [...this.#sessions.values()];
  }

  /** Jobs that wait for this worker's enclave: what a drain waits for. */
  get openRuns(): number {
    return this.sessions.filter(({ isNeeded }) => isNeeded).length;
  }

  /** Takes up a job from the journal; false if it is none of this desk. */
  restore(jobId: Hex, memory: JobMemory): boolean {
    if (memory.job.spec.policy.mask !== ENCLAVE) return false;
    const session = this.#open(jobId, memory);
    if (session !== null) void this.#guard(session, () => session.refresh());
    return true;
  }

  /** Facts of its jobs; the rest is left to others. Returns what it did not take. */
  async onFacts(facts: readonly HubFact[]): Promise<readonly HubFact[]> {
    const touched = new Set<ScheduledSession>();
    const rest = facts.filter((fact) => {
      const isOurs = fact.name === "JobRequested" && fact.job.spec.policy.mask === ENCLAVE;
      const session = isOurs ? this.#take(fact.jobId, fact) : this.session(fact.jobId);
      if (session === null) return !isOurs;
      if (fact.name === "Pinned") session.setRecord((record) => ({ ...record, seats: fact.seats }));
      if (fact.name === "Recorded") session.setRecord(() => fact.record);
      touched.add(session);
      return false;
    });
    await Promise.all([...touched].map((session) => this.#guard(session, () => session.refresh())));
    for (const session of touched) void this.#serve(session);
    return rest;
  }

  async onRewind(): Promise<void> {
    await Promise.all(this.sessions.map((session) => this.#guard(session, () => session.rewind())));
  }

  #take(jobId: Hex, { job }: Extract<HubFact, { name: "JobRequested" }>): ScheduledSession | null {
    const known = this.session(jobId);
    if (known !== null) return known;
    const row = this.#modules.journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
    if (row?.done === true && row.state !== GONE) return null;
    return this.#open(jobId, row === null ? ScheduledSession.memoryOf(job) : decodeMemory(row.data));
  }

  #open(jobId: Hex, memory: JobMemory): ScheduledSession | null {
    const enclave = this.#modules.enclave?.scheduled;
    if (enclave === undefined || !this.#modules.models.has(memory.job.spec.modelId)) return null;
    if (this.#sessions.size >= this.#maxTracked) return null;
    const session = new ScheduledSession(jobId, memory, this.#modules, enclave);
    session.save();
    this.#sessions.set(jobId, session);
    return session;
  }

  // --- Peers -------------------------------------------------------------------------------------------------------------

  /** `/assay/schedule/1`. Errors: JOB_UNKNOWN, MESSAGE_INVALID, those of `decodeProofRequest`. */
  onStatus(request: Uint8Array): Uint8Array {
    if (this.#modules.behaviour().isSilent) throw new ProtocolError("DRAINING");
    const { kind, jobId } = decodeProofRequest(request);
    if (kind !== "status") throw new ProtocolError("MESSAGE_INVALID", { protocol: SCHEDULE_PROTOCOL, reason: kind });
    const session = this.session(jobId);
    if (session === null) throw new ProtocolError("JOB_UNKNOWN", { job: jobId });
    return encodeProofStatus(session.status());
  }

  /** `/assay/channel/1`. Errors: those of the decoders, ENVELOPE_INVALID, JOB_UNKNOWN, STRANGER, OFFER_REFUSED for a replay, ENCLAVE_REFUSED. */
  async onChannel(request: Uint8Array): Promise<Uint8Array> {
    if (this.#modules.behaviour().isSilent) throw new ProtocolError("DRAINING");
    const signed = this.#read(request);
    const { from, jobId, seq } = signed.envelope;
    const { isFirst, bytes } = decodeChannelData(signed.body);
    const session = this.session(jobId);
    if (session === null) throw new ProtocolError("JOB_UNKNOWN", { job: jobId });
    const { chain, keys } = this.#modules;
    try {
      verifyEnvelope(signed, {
        domain: chain.domainSeparator,
        protocol: CHANNEL_PROTOCOL,
        to: keys.operator.address,
        now: BigInt(Math.floor(chain.now())),
        maxAhead: MAX_AHEAD_SEC,
      });
    } catch (error) {
      this.#refuse("signature");
      throw error;
    }
    const key = `${from}/${jobId}`;
    if (seq <= (this.#lastSeq.get(key) ?? -1n)) {
      this.#refuse("replay");
      throw new ProtocolError("OFFER_REFUSED", { job: jobId, reason: "sequence number was used" });
    }
    this.#lastSeq.set(key, seq);
    return encodeChannelReply(await session.hear(from, isFirst, bytes));
  }

  #read(request: Uint8Array): SignedEnvelope {
    try {
      return decodeEnvelope(request);
    } catch (error) {
      this.#refuse("malformed");
      throw error;
    }
  }

  #refuse(reason: "malformed" | "signature" | "replay"): void {
    this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason });
  }

  // --- The clock ---------------------------------------------------------------------------------------------------------

  tick(): void {
    for (const session of this.sessions) {
      if (session.isOver) this.#forget(session);
      else void this.#serve(session);
    }
  }

  #forget(session: ScheduledSession): void {
    const { jobId } = session;
    this.#sessions.delete(jobId);
    session.forget();
    this.#input().forget(jobId);
    for (const key of this.#lastSeq.keys()) if (key.endsWith(jobId)) this.#lastSeq.delete(key);
  }

  async #serve(session: ScheduledSession): Promise<void> {
    await this.#guard(session, () => session.tick());
  }

  async #guard(session: ScheduledSession, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.#modules.signal.aborted) return;
      const code = isAssayError(error) ? { code: error.code } : {};
      this.#modules.logger.warn("job.failed", { job: session.jobId, error, ...code });
    }
  }
}
