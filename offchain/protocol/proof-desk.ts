// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import { decodeProofRequest, encodeProofStatus } from "../core/proof-wire.ts";
import { isPaired } from "../core/replay-record.ts";
import { PROOF, type Job } from "../core/types.ts";
import { ProtocolError } from "./errors.ts";
import type { InputDesk } from "./input-desk.ts";
import { PairSession } from "./pair-session.ts";
import type { Hex, HubFact, ProtocolModules } from "./ports.ts";
import { MAX_PROOF_MESSAGE, ProofSession } from "./proof-session.ts";
import { decodeMemory, type JobMemory } from "./seat-codec.ts";
import { GONE } from "./session-state.ts";
import type { StageWork } from "./stage-work.ts";

const isProven = ({ spec }: Job): boolean => spec.policy.mask === PROOF || isPaired(spec.policy.mask);

/** Jobs that a worker proves, or an enclave of it. */
type ProvingSession = ProofSession | PairSession;

/** Of enclaves' jobs: every one that this worker has an enclave for. PROOF jobs of models that this worker can prove, every stage of them: a client orders any stage of whoever is able. Others are none of its business. */
export class ProofDesk {
  readonly #modules: ProtocolModules;
  readonly #work: StageWork;
  readonly #input: () => InputDesk;
  readonly #maxTracked: number;
  readonly #sessions = new Map<Hex, ProvingSession>();

  constructor(maxTracked: number, modules: ProtocolModules, work: StageWork, input: () => InputDesk) {
    this.#maxTracked = maxTracked;
    this.#modules = modules;
    this.#work = work;
    this.#input = input;
  }

  session(jobId: Hex): ProvingSession | null {
    return this.#sessions.get(jobId) ?? null;
  }

  get sessions(): readonly ProvingSession[] {
    return [...this.#sessions.values()];
  }

  /** Ordered stages that are not proven: what a drain waits for. */
  get openStages(): number {
    return this.sessions.reduce((sum, session) => sum + session.openStages, 0);
  }

  /** Takes up a job from the journal; false if it is none of this desk. */
  restore(jobId: Hex, memory: JobMemory): boolean {
    if (!isProven(memory.job)) return false;
    const session = this.#open(jobId, memory);
    if (session !== null) void this.#reopen(session);
    return true;
  }

  /** Facts of its jobs; the rest is left to others. Returns what it did not take. */
  async onFacts(facts: readonly HubFact[]): Promise<readonly HubFact[]> {
    const touched = new Set<ProvingSession>();
    const rest = facts.filter((fact) => {
      const isProof = fact.name === "JobRequested" && isProven(fact.job);
      const session = isProof ? this.#take(fact.jobId, fact) : this.session(fact.jobId);
      if (session === null) return !isProof;
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

  #take(jobId: Hex, { job }: Extract<HubFact, { name: "JobRequested" }>): ProvingSession | null {
    const known = this.session(jobId);
    if (known !== null) return known;
    const row = this.#modules.journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
    if (row?.done === true && row.state !== GONE) return null;
    const session = this.#open(jobId, row === null ? ProofSession.memoryOf(job) : decodeMemory(row.data));
    if (session !== null && row !== null) void this.#reopen(session);
    return session;
  }

  #open(jobId: Hex, memory: JobMemory): ProvingSession | null {
    if (this.#sessions.size >= this.#maxTracked) return null;
    const session = isPaired(memory.job.spec.policy.mask)
      ? this.#openPair(jobId, memory)
      : this.#openProof(jobId, memory);
    if (session === null) return null;
    session.save();
    this.#sessions.set(jobId, session);
    return session;
  }

  #openPair(jobId: Hex, memory: JobMemory): PairSession | null {
    const { enclave } = this.#modules;
    if (enclave === null) return null;
    return new PairSession(jobId, memory, this.#modules, { enclave, isDraining: () => this.#work.isDraining });
  }

  #openProof(jobId: Hex, memory: JobMemory): ProofSession | null {
    const { prover } = this.#modules;
    const { modelId, stages } = memory.job.spec;
    const isAble = Array.from({ length: stages }, (_, stage) => prover?.canProve(modelId, stage) === true);
    if (prover === null || isAble.includes(false)) return null;
    return new ProofSession(jobId, memory, this.#modules, { work: this.#work, input: this.#input(), prover });
  }

  /** After a restart: orders and boundaries are opened again. */
  async #reopen(session: ProvingSession): Promise<void> {
    await this.#guard(session, async () => {
      await session.refresh();
      await session.tick();
      for (const offer of session.offers) await this.#guard(session, async () => this.#input().resume(session, offer));
    });
  }

  /** `/assay/proof/1`. Errors: JOB_UNKNOWN, STATEMENT_INVALID, MESSAGE_INVALID, and those of `decodeProofRequest`. */
  onMessage(request: Uint8Array): Uint8Array {
    if (this.#modules.behaviour().isSilent) throw new ProtocolError("DRAINING");
    if (request.length > MAX_PROOF_MESSAGE)
      throw new ProtocolError("MESSAGE_INVALID", { protocol: "proof", reason: `${request.length} bytes` });
    const message = decodeProofRequest(request);
    const session = this.session(message.jobId);
    if (session === null) throw new ProtocolError("JOB_UNKNOWN", { job: message.jobId });
    const status = session.receive(message);
    if (message.kind === "proof") void this.#serve(session);
    return encodeProofStatus(status);
  }

  /** Called with the clock. */
  tick(): void {
    for (const session of this.sessions) {
      if (session.isOver) this.#forget(session);
      else void this.#serve(session);
    }
  }

  #forget(session: ProvingSession): void {
    this.#sessions.delete(session.jobId);
    session.forget();
    this.#input().forget(session.jobId);
  }

  async #serve(session: ProvingSession): Promise<void> {
    await this.#guard(session, () => session.tick());
  }

  async #guard(session: ProvingSession, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (this.#modules.signal.aborted) return;
      const code = isAssayError(error) ? { code: error.code } : {};
      this.#modules.logger.warn("job.failed", { job: session.jobId, error, ...code });
    }
  }
}
