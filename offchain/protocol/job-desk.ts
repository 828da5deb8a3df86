// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import { JOB_INPUT } from "../core/sealed-input.ts";
import { CLASS_T, KIND_PUBLIC, type DigestKind } from "../core/types.ts";
import { BoundaryDesk } from "./boundary-desk.ts";
import { EnclaveWork } from "./enclave-work.ts";
import { ProtocolError } from "./errors.ts";
import { InputDesk, type InputDeskOptions } from "./input-desk.ts";
import { JobSession } from "./job-session.ts";
import { ProofDesk } from "./proof-desk.ts";
import type { ResultHolder } from "./result-desk.ts";
import type { Hex, HubFact, ProtocolModules, SlotView, WorkerProfile } from "./ports.ts";
import { isAbstention } from "./said.ts";
import { ScheduledDesk } from "./scheduled-desk.ts";
import { decodeMemory } from "./seat-codec.ts";
import { hasFastVotes, STATE } from "./seat-machine.ts";
import { decodeSeatMessage, encodeSeatMessage } from "./seat-wire.ts";
import { GONE } from "./session-state.ts";
import type { WorkPlacesOptions } from "./work-places.ts";

export interface JobDeskOptions {
  readonly input: InputDeskOptions;
  readonly work: WorkPlacesOptions;
  /** Jobs followed at once, seated or not; above it the oldest without a seat is dropped. */
  readonly maxTracked: number;
  /** How often deadlines are looked at, milliseconds. */
  readonly tickMs: number;
}

/** Jobs of this worker: those with a seat, and those whose draw or escalation may still give it one. */
export class JobDesk {
  readonly input: InputDesk;
  readonly work: EnclaveWork;
  readonly boundaries: BoundaryDesk;
  /** Jobs that are proven, not voted on. */
  readonly proofs: ProofDesk;
  /** Jobs whose stages several enclaves share. */
  readonly scheduled: ScheduledDesk;
  readonly #options: JobDeskOptions;
  readonly #modules: ProtocolModules;
  readonly #sessions = new Map<Hex, JobSession>();
  #isDraining = false;

  constructor(options: JobDeskOptions, modules: ProtocolModules) {
    this.#options = options;
    this.#modules = modules;
    this.work = new EnclaveWork(options.work, modules);
    this.proofs = new ProofDesk(options.maxTracked, modules, this.work, () => this.input);
    this.scheduled = new ScheduledDesk(options.maxTracked, modules, () => this.input);
    this.boundaries = new BoundaryDesk(options.input, modules, {
      work: this.work,
      session: (jobId) => this.#sessions.get(jobId) ?? null,
      push: async (...boundary) => this.#put(...boundary),
    });
    this.work.onRow = (jobId) => {
      const session = this.#sessions.get(jobId);
      if (session !== undefined) void this.#guard(session, () => this.#passBoundary(session));
    };
    this.input = new InputDesk(
      options.input,
      modules,
      (jobId) => this.#sessions.get(jobId) ?? this.proofs.session(jobId) ?? this.scheduled.session(jobId),
    );
  }

  session(jobId: Hex): JobSession | null {
    return this.#sessions.get(jobId) ?? null;
  }

  /** Whoever may hold a result of the job. */
  holder(jobId: Hex): ResultHolder | null {
    return this.session(jobId) ?? this.proofs.session(jobId) ?? this.scheduled.session(jobId);
  }

  get sessions(): readonly JobSession[] {
    return [...this.#sessions.values()];
  }

  /** Seats that are not done, and stages to prove: what a drain waits for. */
  get openSeats(): number {
    return (
      this.proofs.openStages +
      this.scheduled.openRuns +
      this.sessions.filter(({ seat, isNeeded, isOver }) =>
        seat === null ? isNeeded && !isOver : seat.phase !== "DONE",
      ).length
    );
  }

  /** Takes up the journal's open jobs; their sealed inputs are opened again. */
  async restore(): Promise<void> {
    for (const row of this.#modules.journal.openJobs()) {
      if (row.role !== "watcher") continue;
      const memory = decodeMemory(row.data);
      if (this.proofs.restore(row.jobId, memory) || this.scheduled.restore(row.jobId, memory)) continue;
      const session = JobSession.restore(row.jobId, memory, this.#modules, this.work);
      this.#sessions.set(row.jobId, session);
    }
    this.#modules.logger.info("jobs.restored", { count: this.#sessions.size });
    await Promise.all(this.sessions.map((session) => this.#reopen(session)));
  }

  async #reopen(session: JobSession): Promise<void> {
    await this.#guard(session, async () => {
      await session.refresh();
      // Candidates take inputs too, once they know that they are.
      if (session.audit !== null) await session.tick();
      for (const offer of session.offers) await this.input.resume(session, offer);
      this.boundaries.restore(session);
    });
  }

  /** New blocks' facts, in order. Idempotent: a restart may bring the last ones again. */
  async onFacts(facts: readonly HubFact[]): Promise<void> {
    const touched = new Set<JobSession>();
    for (const fact of await this.scheduled.onFacts(await this.proofs.onFacts(facts))) {
      const session = fact.name === "JobRequested" ? this.#take(fact) : (this.#sessions.get(fact.jobId) ?? null);
      if (session === null) continue;
      this.#learn(session, fact);
      touched.add(session);
    }
    await Promise.all([...touched].map((session) => this.#guard(session, () => session.refresh())));
    for (const session of touched) void this.#serve(session);
  }

  /** After a reorganisation nothing remembered about the chain counts: all of it is read again. */
  async onRewind(): Promise<void> {
    await Promise.all(this.sessions.map((session) => this.#guard(session, () => session.rewind())));
    await this.proofs.onRewind();
    await this.scheduled.onRewind();
  }

  #take(fact: Extract<HubFact, { name: "JobRequested" }>): JobSession | null {
    const known = this.#sessions.get(fact.jobId);
    if (known !== undefined) return known;
    const row = this.#modules.journal.job({ jobId: fact.jobId, role: "watcher", stage: 0, round: 0 });
    if (row?.done === true && row.state !== GONE) return null;
    if (this.#sessions.size >= this.#options.maxTracked) this.#dropOldest();
    const session =
      row === null
        ? JobSession.open(fact.jobId, fact.job, this.#modules, this.work)
        : JobSession.restore(fact.jobId, decodeMemory(row.data), this.#modules, this.work);
    this.#sessions.set(fact.jobId, session);
    if (row !== null) void this.#reopen(session);
    return session;
  }

  #dropOldest(): void {
    const idle = this.sessions.find((session) => !session.isNeeded);
    if (idle === undefined) return;
    idle.abandon();
    this.#sessions.delete(idle.jobId);
  }

  #learn(session: JobSession, fact: HubFact): void {
    switch (fact.name) {
      case "Pinned":
        if (fact.round === 0) session.audit?.setCandidates(fact.seats);
        return session.setRecord((record) =>
          fact.round === 0
            ? { ...record, seats: fact.seats }
            : {
                ...record,
                tallies: record.tallies.map((tally, i) =>
                  i === record.tallies.length - 1 ? { ...tally, seats: fact.seats } : tally,
                ),
              },
        );
      case "Proposed":
        session.setRecord(() => fact.record);
        return session.addPosted(0, 0, 0, fact.commitment);
      case "Recorded":
        return session.setRecord(() => fact.record);
      case "CommittedMany":
        return session.addBatch(fact.stage, fact.round, fact.commitments);
      case "Committed":
        return session.addPosted(fact.stage, fact.round, fact.seat, fact.commitment);
      case "Revealed":
        return session.addRevealed(fact.stage, fact.round, fact.seat, fact);
      case "Sketched":
        return session.addSketches(fact.stage, fact.round, fact);
      case "SketchRevealed":
        return session.addShown(fact.stage, fact.round, fact.seat, fact);
      case "JobRequested":
      case "Moved":
      default:
        return undefined;
    }
  }

  // --- Peers -------------------------------------------------------------------------------------------------------------

  /** One seat message. Errors: JOB_UNKNOWN, SEAT_UNKNOWN, STATEMENT_INVALID, MESSAGE_INVALID, and those of `decodeSeatMessage`. */
  onSeatMessage(request: Uint8Array): Uint8Array {
    if (this.#modules.behaviour().isSilent) throw new ProtocolError("DRAINING");
    const message = (() => {
      try {
        return decodeSeatMessage(request);
      } catch (error) {
        this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason: "malformed" });
        throw error;
      }
    })();
    const session = this.#sessions.get(message.jobId);
    if (session === undefined) throw new ProtocolError("JOB_UNKNOWN", { job: message.jobId });
    const reply = session.receive(message);
    void this.#serve(session);
    return encodeSeatMessage(reply);
  }

  // --- The clock -----------------------------------------------------------------------------------------------------------

  async run(signal: AbortSignal): Promise<void> {
    const { clock, metrics } = this.#modules;
    while (!signal.aborted) {
      const sessions = this.sessions;
      for (const session of sessions) {
        if (session.isOver) this.#forget(session);
        else void this.#serve(session);
      }
      this.proofs.tick();
      this.scheduled.tick();
      metrics.set("assay_jobs_open_count", { role: "seat" }, this.openSeats);
      metrics.set("assay_jobs_open_count", { role: "prover" }, this.proofs.openStages);
      metrics.set("assay_jobs_open_count", { role: "watcher" }, this.#sessions.size);
      await clock.sleep(this.#options.tickMs, signal).catch(() => undefined);
    }
  }

  drain(): void {
    this.#isDraining = true;
    this.work.drain();
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  async #serve(session: JobSession): Promise<void> {
    await this.#guard(session, async () => {
      await session.tick();
      this.boundaries.check(session);
      await this.#passOn(session);
    });
  }

  /** Inputs and boundaries that others need from this worker. */
  async #passOn(session: JobSession): Promise<void> {
    const { seat, slot, committee, profiles } = session;
    if (session.audit !== null && slot !== null) return this.#passToJudges(session, slot);
    if (seat === null || slot?.state !== STATE.OPEN || committee === null || this.#modules.behaviour().isSilent) return;
    const among = (ids: readonly number[]) => ids.flatMap((id) => profiles.get(id) ?? []);
    const boundary = session.table?.[seat.stage]?.producers[0] ?? JOB_INPUT;
    if (slot.round > seat.round && slot.stage === seat.stage && committee.round === slot.round) {
      const plain = this.work.forSameStage(session.jobId, seat.stage);
      if (plain !== null) await this.input.send(session, among(committee.ids), boundary, plain, `round-${slot.round}`);
      return;
    }
    // Standbys sat down beside this seat: who came passes on what the client gave.
    const isFilledAgain = session.record.tallies.at(-1)?.stage === seat.stage && slot.stage === seat.stage;
    if (isFilledAgain && slot.round === 0 && seat.round === 0) {
      const plain = this.work.forSameStage(session.jobId, seat.stage);
      const others = seat.seats.filter((_, i) => i !== seat.own);
      if (plain !== null) await this.input.send(session, among(others), boundary, plain, "standbys");
    }
    await this.#passBoundary(session);
  }

  /**
   * The stage's output to the stages that take it. The first seat sends it as it is made, so that they begin at once; all of it leaves
   * only when the commitments of its co-seats are here. The others stand by from the vote on: whoever fails is replaced by them.
   */
  async #passBoundary(session: JobSession): Promise<void> {
    const { seat, slot, committee, profiles, job, table, jobId } = session;
    if (seat === null || slot?.state !== STATE.OPEN || committee === null || table === null) return;
    if (seat.round > 0 || committee.round > 0 || this.#modules.behaviour().isSilent) return;
    const { vote } = seat;
    const isSaid = vote !== null && !isAbstention(vote.outDigest);
    const isCounted = isSaid && session.record.boundaries[seat.stage] === vote.outDigest;
    const isVoted = hasFastVotes(seat) || isCounted;
    const isFirst = seat.own === 0 && job.spec.policy.cls !== CLASS_T && (vote === null || isSaid);
    if (!isVoted && !isFirst) return;
    const digest = isSaid && (isVoted || seat.commitSet !== null) ? vote.outDigest : null;
    for (const [stage, info] of table.entries()) {
      if (stage <= seat.stage || !info.producers.includes(seat.stage)) continue;
      const ids = committee.ids.slice(stage * seat.seats.length, (stage + 1) * seat.seats.length);
      const to = ids.flatMap((id) => profiles.get(id) ?? []);
      const digestKind = (table[seat.stage]?.outKind ?? KIND_PUBLIC) as DigestKind;
      if (to.length === ids.length)
        await this.boundaries.send({ jobId, job, boundary: seat.stage, stage, digestKind, to }, digest);
    }
  }

  /** A boundary to a seat that cannot dial this worker. */
  async #put(jobId: Hex, boundary: number, stage: number, to: WorkerProfile): Promise<boolean> {
    const session = this.#sessions.get(jobId);
    const seat = session?.seat ?? null;
    if (session === undefined || seat === null || !(hasFastVotes(seat) || seat.commitSet !== null)) return false;
    const plain = this.work.forNextStage(jobId, boundary, stage);
    if (plain !== null) await this.input.send(session, [to], boundary, plain, `stage-${stage}`);
    return plain !== null;
  }

  /** A sampled job's input, from whoever holds it to whoever judges it: not from the primary alone, which may have lied. */
  async #passToJudges(session: JobSession, slot: SlotView): Promise<void> {
    const ids = session.audit?.passesTo(slot) ?? [];
    if (ids.length === 0 || this.#modules.behaviour().isSilent) return;
    const plain = this.work.forSameStage(session.jobId, 0);
    const profiles = await session.findProfiles(ids);
    if (plain !== null) await this.input.send(session, profiles, JOB_INPUT, plain, `round-${slot.round}`);
  }

  #forget(session: JobSession): void {
    this.#sessions.delete(session.jobId);
    this.work.forget(session.jobId);
    this.input.forget(session.jobId);
    this.boundaries.forget(session.jobId);
  }

  async #guard(session: JobSession, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.#modules.signal.aborted) return;
      const code = isAssayError(error) ? { code: error.code } : {};
      this.#modules.logger.warn("job.failed", { job: session.jobId, error, ...code });
    }
  }
}
