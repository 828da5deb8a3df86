// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { toHex, utf8 } from "../core/bytes.ts";
import { commitSet } from "../core/claim.ts";
import { CANDIDATES, drawSeed, ROUND_0_STAGE } from "../core/draw.ts";
import { hasCode } from "../core/errors.ts";
import { auditSeed, isAuditDrawn } from "../core/job-steps.ts";
import { AnswerWatch } from "./answer-watch.ts";
import { auditStep, isAudit, isUnbound, needsEnclave, type AuditStep, type Fate } from "./audit-steps.ts";
import { recordAt, type Committee } from "./committee.ts";
import type { Hex, JobCall, ProtocolModules, SlotView } from "./ports.ts";
import type { EnclaveWork } from "./enclave-work.ts";
import { keepOutput, type ResultHolder } from "./result-desk.ts";
import { isAbstention } from "./said.ts";
import type { JobProposal } from "./seat-codec.ts";
import { newSeat, STATE, type SeatState } from "./seat-machine.ts";
import { NO_WORD, type SessionState } from "./session-state.ts";
import { commitmentOf, commitStatement } from "./statements.ts";
import { ZERO_BYTES32, type StageInfo } from "../core/types.ts";

/** A seed is asked for again after this long. */
const SEED_PAUSE_MS = 300;
/** An answer that cannot be computed yet, for want of the input above all. */
const RETRY_MS = 200;
/** Stage and round of the answer. */
const PLACE = { stage: 0, round: 0 } as const;
const NO_FATE = { seedRef: -1, fate: "unknown", fateAt: 0 } as const;

export interface AuditParts {
  readonly work: EnclaveWork;
  /** The job as the chain stands. Error: RECORD_UNKNOWN. */
  readonly call: () => JobCall;
  readonly holder: ResultHolder;
  readonly readTable: () => Promise<readonly StageInfo[]>;
}

/**
 * An OPTIMISTIC job outside its committees, for its candidates: answers, binds itself to the answer on chain, and opens it once the
 * lottery has left it alone. What votes (an audit, an escalated committee) is the session's as ever. All of it is level-triggered; the
 * journal holds the answer and the commitment before the chain does, so a restart can only say the same again.
 */
export class SessionAudit {
  readonly #state: SessionState;
  readonly #work: EnclaveWork;
  readonly #modules: ProtocolModules;
  readonly #call: () => JobCall;
  readonly #holder: ResultHolder;
  readonly #readTable: () => Promise<readonly StageInfo[]>;
  readonly #watch: AnswerWatch;
  #bench: Committee | null = null;
  #fate: { readonly seedRef: number; readonly fate: Fate; readonly fateAt: number } = NO_FATE;
  #checked: { readonly record: unknown; readonly word: Hex; readonly is: boolean } | null = null;

  constructor(state: SessionState, parts: AuditParts) {
    this.#state = state;
    this.#modules = state.modules;
    this.#watch = new AnswerWatch(state, parts);
    ({ work: this.#work, call: this.#call, holder: this.#holder, readTable: this.#readTable } = parts);
  }

  /** Candidates' signers: each may hold the input and pass it on. */
  get signers(): readonly Hex[] {
    return this.#bench?.signers ?? [];
  }

  /** Own place among the candidates, or null. */
  get rank(): number | null {
    const own = this.#modules.keys.operator.address.toLowerCase();
    const at = this.#bench?.signers.findIndex((signer) => signer.toLowerCase() === own) ?? -1;
    return at < 0 ? null : at;
  }

  /** Bound to an answer, or about to be. */
  get isBound(): boolean {
    const { slot, memory } = this.#state;
    return memory.proposal !== undefined && (slot === null || isUnbound(slot) || this.isPrimary);
  }

  /** The answer that stands is this worker's own, and no committee has counted it. */
  get isPrimary(): boolean {
    const [first] = this.#state.record.tallies;
    const { proposal } = this.#state.memory;
    const id = this.#ownId;
    return proposal !== undefined && id !== null && first?.seats.length === 1 && first.seats[0] === id;
  }

  /** The input is here and is the promised one. */
  get holdsInput(): boolean {
    const { table, jobId, job } = this.#state;
    const info = table?.[0];
    return (
      table !== null &&
      info !== undefined &&
      this.#work.inputDigest(jobId, info, table, batchCount(job.spec.policy.flags)) === job.spec.inDigest
    );
  }

  /** Of a worker without a seat: a candidate takes the input at once; one that may still be drawn asks to be told again. */
  get appetite(): "hungry" | "fed" | "busy" | "none" {
    const { slot, notDrawnFor } = this.#state;
    if (slot === null) return "busy";
    if (this.rank !== null) return this.holdsInput ? "fed" : "hungry";
    return isUnbound(slot) || notDrawnFor === `${slot.stage}/${slot.round}` ? "none" : "busy";
  }

  /** Events and storage tell the same: only then is a committee drawn, or anything sent. */
  isCurrent(slot: SlotView): boolean {
    const { record } = this.#state;
    const { word } = slot;
    if (this.#checked?.record !== record || this.#checked.word !== word)
      this.#checked = { record, word, is: recordAt(slot, record) !== null };
    return this.#checked.is;
  }

  get #ownId(): number | null {
    const { rank } = this;
    return rank === null ? null : (this.#bench?.ids[rank] ?? null);
  }

  /** Candidates as the hub pinned them. */
  setCandidates(candidates: readonly number[]): void {
    if (this.#state.memory.candidates?.join() === candidates.join()) return;
    this.#bench = null;
    this.#state.saveMemory({ candidates });
  }

  /** Another fork may draw others. */
  forgetCandidates(): void {
    this.#bench = null;
    this.#fate = NO_FATE;
    if (this.#state.slot?.word === NO_WORD) this.#state.saveMemory({ candidates: [] });
  }

  /** Whether a committee is known to vote: its seats can be taken. */
  votes(slot: SlotView): boolean {
    return !isUnbound(slot) && this.isCurrent(slot);
  }

  /** Error: RPC_UNAVAILABLE. */
  async tick(slot: SlotView): Promise<void> {
    if (this.#bench === null) await this.#findCandidates(slot);
    const bench = this.#bench;
    if (bench === null) return;
    const hasNone =
      isUnbound(slot) || slot.state === STATE.PROPOSED || (slot.state === STATE.WINDOW && slot.round === 0);
    if (hasNone) this.#state.committee = bench;
    // Candidates are nobody's committee: who audits is another draw.
    else if (this.#state.committee === bench) this.#state.committee = null;
    if (this.rank === null || !this.isCurrent(slot)) return;
    this.#state.table ??= await this.#readTable();
    this.#seatPrimary(slot);
    this.#step(slot);
  }

  async #findCandidates(slot: SlotView): Promise<void> {
    const { jobId, job, memory } = this.#state;
    const { chain, logger } = this.#modules;
    let ids = memory.candidates ?? [];
    if (ids.length === 0) {
      if (!isUnbound(slot)) return;
      const beat = await chain.seed(slot.seedRef);
      if (beat === null) return;
      const seed = drawSeed(beat, jobId, ROUND_0_STAGE, 0);
      const { ticketClass } = job.spec.policy;
      const drawn = { version: slot.tableVersion, ticketClass, seed, excluded: [], count: CANDIDATES };
      ({ ids } = await chain.draw(drawn));
      this.#state.saveMemory({ candidates: ids });
    }
    this.#bench = { ...PLACE, ids, signers: await chain.signers(ids), seed: null };
    const { rank } = this;
    if (rank !== null) logger.info("audit.candidate", { seat: rank });
  }

  /** The vote of an audit's seat that had answered before: no seat says two things. */
  adopt(): void {
    const { seat, memory } = this.#state;
    const { proposal } = memory;
    if (seat === null || proposal === undefined || seat.round !== 0 || seat.vote !== null) return;
    const { inDigest, outDigest, payload, salt } = proposal;
    this.#state.advance({ type: "input-ready", inDigest, at: this.#modules.chain.now() });
    this.#state.advance({ type: "computed", vote: { outDigest, payload }, salt, inDigest });
  }

  /** An answer that stands without an audit is a seat too: it can be outvoted, and then challenges like any other. */
  #seatPrimary(slot: SlotView): void {
    const { jobId, seat, memory } = this.#state;
    const { proposal } = memory;
    const id = this.#ownId;
    const stands = slot.state === STATE.WINDOW || slot.state === STATE.HUNG || slot.round > 0;
    if (!stands || !this.isPrimary || proposal === undefined || id === null || seat !== null) return;
    const { inDigest, outDigest, payload, salt, commitment } = proposal;
    const place = { ...PLACE, seats: [id], signers: [this.#modules.keys.operator.address], own: 0 };
    const opened: SeatState = {
      ...newSeat({ jobId, ...place }),
      phase: "DONE",
      inDigest,
      vote: { outDigest, payload },
      salt,
      commitSet: commitSet([commitment]),
      openings: [{ outDigest, payload, salt, extra: ZERO_BYTES32, signature: null }],
    };
    this.#modules.journal.record({ job: this.#state.seatRow(opened) });
    this.#state.saveMemory({ place: { ...PLACE, own: 0 } });
    this.#state.seat = opened;
  }

  #step(slot: SlotView): void {
    const { rank, isPrimary } = this;
    if (rank === null || this.#modules.behaviour().isSilent) return;
    if (!isPrimary && this.holdsInput && this.#work.takes(this.#state.job.spec)) this.#watch.tick(slot, rank);
    if (slot.state === STATE.PROPOSED) this.#learnFate(slot);
    const { fate, fateAt } = this.#fate.seedRef === slot.seedRef ? this.#fate : NO_FATE;
    const { job } = this.#state;
    const isAble = !needsEnclave(job.spec) || this.#work.takes(job.spec);
    const step = auditStep(job, { slot, rank, isPrimary, fate, fateAt, isAble }, this.#modules.chain.now());
    if (step === null || (step === "open" && this.#modules.behaviour().withholdsReveal)) return;
    // A seat settles by itself, with the output.
    if (step === "settle" && this.#state.seat !== null) return;
    this.#state.effects.once(step, () => this.#perform(step));
  }

  #learnFate(slot: SlotView): void {
    const { seedRef } = slot;
    if (this.#fate.seedRef === seedRef && this.#fate.fate !== "unknown") return;
    const { chain, logger } = this.#modules;
    this.#state.effects.once("lottery", async () => {
      try {
        const beat = await chain.seed(seedRef);
        if (beat === null) return this.#state.effects.delay("lottery", SEED_PAUSE_MS);
        const isDrawn = isAuditDrawn(auditSeed(beat, this.#state.jobId), this.#state.job.spec.policy.auditBps);
        this.#fate = { seedRef, fate: isDrawn ? "drawn" : "spared", fateAt: chain.now() };
        logger.info("audit.lottery", { kind: this.#fate.fate });
      } catch (error) {
        if (!hasCode(error, "REVERTED") || error.meta["name"] !== "SeedLost") throw error;
        this.#fate = { seedRef, fate: "lost", fateAt: chain.now() };
      }
    });
  }

  async #perform(step: AuditStep): Promise<void> {
    const { chain, checkpoint } = this.#modules;
    const { proposal } = this.#state.memory;
    if (step === "propose") {
      const answer = proposal ?? (await this.#answer());
      if (answer === null) return this.#state.effects.delay(step, RETRY_MS);
      checkpoint("propose-sending");
      await chain.propose({ ...this.#call(), commitment: answer.commitment });
    } else if (step === "open") {
      if (proposal === undefined) return;
      checkpoint("open-sending");
      const { outDigest, payload, salt, evidence = "0x" } = proposal;
      const table = this.#state.table ?? [];
      await chain.open({ ...this.#call(), table, outDigest, payload, salt, evidence });
    } else if (step === "draw") {
      checkpoint("draw-sending");
      await chain.drawAudit(this.#call());
    } else if (step === "expire") await chain.expire(this.#call());
    else await chain.settle({ ...this.#call(), output: "0x" });
    checkpoint(`${step}-mined`);
    await this.#state.refresh();
  }

  /** Computes and journals this worker's answer; null while it cannot. Errors: ALREADY_SIGNED, those of the model. */
  async #answer(): Promise<JobProposal | null> {
    const { jobId, job, table } = this.#state;
    const { keys, journal, logger, checkpoint, metrics, clock, signal, behaviour } = this.#modules;
    const { inDigest } = job.spec;
    if (table === null || !this.holdsInput || !this.#work.takes(job.spec)) return null;
    const started = clock.monotonicMs();
    const computed = await this.#work.run(jobId, job.spec, PLACE.stage, table, signal);
    metrics.observe("assay_jobs_stage_seconds", { phase: "infer" }, (clock.monotonicMs() - started) / 1000);
    checkpoint("computed");
    const vote = behaviour().alterVote(computed);
    // A proposal is an answer: who has none lets another candidate try.
    if (isAbstention(vote.outDigest)) {
      logger.warn("audit.not-computed", { digest: vote.payload });
      this.#state.effects.delay("propose", 10 * RETRY_MS);
      return null;
    }
    await keepOutput(this.#holder, this.#work, PLACE.stage, this.#modules);
    const salt = toHex(keys.prf("assay.v1.commit-salt", utf8(`${jobId}/${PLACE.stage}/${PLACE.round}`)));
    const context = this.#state.context(PLACE);
    const commitment = commitmentOf(context, { ...vote, salt, inDigest, worker: keys.operator.address });
    const answer = this.#work.answer(jobId);
    // Kept with the answer: an enclave that restarts has other keys, and the answer must still be opened.
    const evidence = answer === null ? {} : { evidence: answer.evidence };
    const proposal = { outDigest: vote.outDigest, payload: vote.payload, salt, inDigest, commitment, ...evidence };
    const memory = { ...this.#state.memory, proposal };
    const digest = toHex(commitStatement(context, commitment));
    checkpoint("proposal-computed");
    // One place, one statement: an audit's seat signs this same digest, or nothing.
    journal.writeBeforeSign({ jobId, ...PLACE, kind: "commit", digest }, { job: this.#state.memoryRow(memory) });
    this.#state.memory = memory;
    checkpoint("proposal-journalled");
    return proposal;
  }

  /** Whether inputs are passed on to who votes now: auditors of a public input, or a larger committee. */
  passesTo(slot: SlotView): readonly number[] {
    const { committee } = this.#state;
    if (slot.state !== STATE.OPEN || isUnbound(slot) || committee === null || committee === this.#bench) return [];
    if (committee.round !== slot.round || !this.holdsInput) return [];
    const own = this.#modules.keys.operator.address.toLowerCase();
    const at = committee.signers.findIndex((signer) => signer.toLowerCase() === own);
    // Those who vote wait for others' copies like everybody; the primary of an audit is the one who holds it for sure.
    if (at >= 0 && !(isAudit(slot) && at === 0)) return [];
    return committee.ids.filter((_, i) => i !== at);
  }
}
