// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, utf8 } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import { recordHash } from "../core/job.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { PLACE_NETWORK, type Job, type Record as JobRecord, type StageInfo } from "../core/types.ts";
import { quorum } from "../core/vote.ts";
import {
  acceptedDigest,
  completeSet,
  emptyBallot,
  isCommitValid,
  judgeOpening,
  splitSignature,
  toStageVotes,
  type Ballot,
} from "./ballot.ts";
import { everyone, findCommittee, findPlace, stageSeats, type Committee } from "./committee.ts";
import { protocolError } from "./errors.ts";
import { challengeBond, jobPoke } from "./job-pokes.ts";
import type { BoxView, Hex, ProtocolModules, SlotView, WorkerProfile } from "./ports.ts";
import { keepResult } from "./result-desk.ts";
import { ABSTAIN_REASON, isAbstention, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import { decodeSeat, encodeMemory, encodeSeat, type JobMemory, type KnownOffer } from "./seat-codec.ts";
import { SeatExchange } from "./seat-exchange.ts";
import {
  advanceSeat,
  hasFastVotes,
  newSeat,
  seatActions,
  STATE,
  type ChainView,
  type SeatAction,
  type SeatEvent,
  type SeatState,
  type SeatTiming,
  type Vote,
} from "./seat-machine.ts";
import type { SeatMessage } from "./seat-wire.ts";
import type { StageWork } from "./stage-work.ts";
import { commitmentOf, commitStatement, revealStatement, type StatementContext } from "./statements.ts";

const EMPTY_RECORD: JobRecord = { seats: [], boundaries: [], tallies: [], decided: 0 };
const NO_WORD = `0x${"0".repeat(64)}`;
/** Actions that are transactions of this seat. */
type Transaction = Extract<SeatAction, "submit" | "commit-many" | "commit" | "reveal" | "tally">;
/** A failed action is tried again after this long, unless the chain moved first. */
const RETRY_MS = 2_000;
/** Bytes of a PUBLIC result that travel to a consumer's callback. */
const MAX_INLINE_OUTPUT = 4096;
const OUTPUT_PUBLIC = 8;

/**
 * One job in which this worker has a seat, or may get one. Reacts to chain events, peers' messages and the clock; every transition is
 * in the journal before its effect leaves the process. Actions are level-triggered, so a restart simply goes on.
 */
export class JobSession {
  readonly jobId: Hex;
  readonly #modules: ProtocolModules;
  readonly #work: StageWork;
  readonly #exchange: SeatExchange;
  readonly #forwarding: SeatExchange;
  #memory: JobMemory;
  #seat: SeatState | null;
  #slot: SlotView | null = null;
  #box: BoxView | null = null;
  #committee: Committee | null = null;
  #notDrawnFor = "";
  #former: readonly Hex[] = [];
  #formerIds: readonly number[] = [];
  #table: readonly StageInfo[] | null = null;
  #profiles: ReadonlyMap<number, WorkerProfile> = new Map();
  #isTicking = false;
  readonly #ballots = new Map<number, Ballot>();
  readonly #busy = new Set<string>();
  readonly #retryAt = new Map<string, number>();
  readonly #punished = new Set<number>();
  #doubtsSet = false;

  private constructor(
    jobId: Hex,
    memory: JobMemory,
    seat: SeatState | null,
    modules: ProtocolModules,
    work: StageWork,
  ) {
    this.jobId = jobId;
    this.#memory = memory;
    this.#seat = seat;
    this.#modules = { ...modules, logger: modules.logger.child({ job: jobId }) };
    this.#work = work;
    this.#exchange = new SeatExchange(this.#modules, (message) => this.#merge(message));
    this.#forwarding = new SeatExchange(this.#modules, () => undefined);
  }

  static open(jobId: Hex, job: Job, modules: ProtocolModules, work: StageWork): JobSession {
    const session = new JobSession(
      jobId,
      { job, record: EMPTY_RECORD, batches: {}, posted: {}, offers: [], result: null, place: null },
      null,
      modules,
      work,
    );
    session.#saveMemory({});
    return session;
  }

  /** From the journal, after a restart. */
  static restore(jobId: Hex, memory: JobMemory, modules: ProtocolModules, work: StageWork): JobSession {
    const { place } = memory;
    const row =
      place === null ? null : modules.journal.job({ jobId, role: "seat", stage: place.stage, round: place.round });
    return new JobSession(jobId, memory, row === null ? null : decodeSeat(row.data), modules, work);
  }

  get job(): Job {
    return this.#memory.job;
  }
  get record(): JobRecord {
    return this.#memory.record;
  }
  get seat(): SeatState | null {
    return this.#seat;
  }
  get slot(): SlotView | null {
    return this.#slot;
  }
  get committee(): Committee | null {
    return this.#committee;
  }
  get offers(): readonly KnownOffer[] {
    return this.#memory.offers;
  }
  get result(): Hex | null {
    return this.#memory.result;
  }
  get table(): readonly StageInfo[] | null {
    return this.#table;
  }
  /** Signers of the round before an escalation: holders of the input that may pass it on. */
  get formerSigners(): readonly Hex[] {
    return this.#former;
  }
  get profiles(): ReadonlyMap<number, WorkerProfile> {
    return this.#profiles;
  }
  /** Where a signer of this job can be dialled; empty for requesters. */
  addressesOf(signer: Hex): readonly PeerAddress[] {
    const at = this.#committee?.signers.findIndex((one) => one.toLowerCase() === signer.toLowerCase()) ?? -1;
    const id =
      this.#committee?.ids[at] ??
      this.#formerIds[this.#former.findIndex((one) => one.toLowerCase() === signer.toLowerCase())];
    return id === undefined ? [] : (this.#profiles.get(id)?.addresses ?? []);
  }
  signerOf(workerId: number): Hex | null {
    const at = this.#committee?.ids.indexOf(workerId) ?? -1;
    return this.#committee?.signers[at] ?? null;
  }
  /** The chain has ended the job: nothing is left to do. */
  get isOver(): boolean {
    const state = this.#slot?.state;
    return state === STATE.FINAL || state === STATE.CLOSED || state === STATE.NONE;
  }

  // --- What happened --------------------------------------------------------------------------------------------------

  /** A new record, or new facts of it, from an event. */
  setRecord(change: (record: JobRecord) => JobRecord): void {
    this.#saveMemory({ record: change(this.#memory.record) });
  }

  /** Given up without a seat: too many jobs are open. */
  abandon(): void {
    this.#modules.journal.record({ job: { ...this.#memoryRow(), state: "ABANDONED", done: true } });
  }

  addOffer(offer: KnownOffer): void {
    if (this.offers.some((known) => known.blob === offer.blob && known.sender === offer.sender)) return;
    this.#saveMemory({ offers: [...this.offers, offer] });
  }

  setResult(root: Hex): void {
    this.#saveMemory({ result: root });
  }

  addBatch(stage: number, round: number, commitments: readonly Hex[]): void {
    this.#saveMemory({ batches: { ...this.#memory.batches, [`${stage}/${round}`]: commitments } });
  }

  addPosted(stage: number, round: number, seat: number, commitment: Hex): void {
    const key = `${stage}/${round}`;
    const posted = { ...this.#memory.posted, [key]: { ...this.#memory.posted[key], [seat]: commitment } };
    this.#saveMemory({ posted });
  }

  /** An opening that its seat stored on chain: as good as one from the seat itself. */
  addRevealed(stage: number, round: number, seat: number, opening: { outDigest: Hex; payload: Hex; salt: Hex }): void {
    if (this.#seat?.stage !== stage || this.#seat.round !== round) return;
    this.#advance({ type: "opening", seat, opening: { ...opening, signature: null }, at: this.#modules.chain.now() });
  }

  /** Reads the chain's side again: after every event of this job, and after a rewind. Error: RPC_UNAVAILABLE. */
  async refresh(): Promise<void> {
    const { chain } = this.#modules;
    const slot = await chain.slot(this.jobId);
    this.#box =
      slot.state === STATE.OPEN && slot.word !== NO_WORD ? await chain.box(this.jobId, slot.stage, slot.round) : null;
    this.#slot = slot;
    this.#retryAt.clear();
    if (this.isOver) this.#close();
  }

  /** A message of another holder; the reply holds what it asked for. Errors: JOB_UNKNOWN, SEAT_UNKNOWN, STATEMENT_INVALID. */
  receive(message: SeatMessage): SeatMessage {
    const seat = this.#seat;
    if (seat === null) throw protocolError("JOB_UNKNOWN", { job: this.jobId });
    if (this.#ballotOf(message) === null)
      throw protocolError("SEAT_UNKNOWN", { job: this.jobId, stage: message.stage, round: message.round });
    this.#merge(message);
    return this.#items(message.stage, message.round, message.wantCommits, message.wantOpenings);
  }

  // --- The clock --------------------------------------------------------------------------------------------------------

  /** Does whatever is due. Cheap when nothing is; never runs twice at once. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    if (this.#isTicking || this.#modules.signal.aborted) return;
    this.#isTicking = true;
    try {
      if (this.#slot === null) await this.refresh();
      const slot = this.#slot;
      if (slot === null || this.isOver) return;
      if (slot.state === STATE.OPEN && this.#isCommitteeStale(slot)) await this.#findSeat(slot);
      if (this.#seat !== null) await this.#tickSeat(slot);
      this.#poke(slot);
    } finally {
      this.#isTicking = false;
    }
  }

  #isCommitteeStale(slot: SlotView): boolean {
    if (this.#notDrawnFor === `${slot.stage}/${slot.round}`) return false;
    return (
      this.#committee === null ||
      this.#committee.round !== slot.round ||
      (slot.round > 0 && this.#committee.stage !== slot.stage)
    );
  }

  async #findSeat(slot: SlotView): Promise<void> {
    const { chain, keys, logger, metrics } = this.#modules;
    const committee = await findCommittee(chain, this.jobId, this.job, this.record, slot);
    if (committee === null) return;
    if (committee.round > 0) {
      this.#formerIds = everyone(this.record).filter((id) => !committee.ids.includes(id));
      this.#former = await chain.signers(this.#formerIds);
    }
    this.#committee = committee;
    const place = findPlace(committee, this.job, keys.operator.address);
    if (place === null) {
      this.#notDrawnFor = `${slot.stage}/${slot.round}`;
      return;
    }
    if (this.#seat !== null) return;
    const { own, stage, seats, signers } = place;
    this.#seat = newSeat({ jobId: this.jobId, stage, round: committee.round, seats, signers, own });
    this.#modules.journal.record({ job: this.#seatRow(this.#seat) });
    this.#saveMemory({ place: { stage, round: committee.round, own } });
    this.#modules.checkpoint("seated");
    metrics.count("assay_jobs_signatures_total", { kind: "claim" }, 0);
    logger.info("seat.drawn", { stage, round: committee.round, seat: own, seats: seats.length });
  }

  async #tickSeat(slot: SlotView): Promise<void> {
    const { chain } = this.#modules;
    const before = this.#seat;
    if (before === null || this.#committee === null) return;
    if (this.#table === null) this.#table = await this.#readTable();
    const wanted = [...this.#committee.ids, ...this.#formerIds];
    if (wanted.some((id) => !this.#profiles.has(id))) this.#profiles = await chain.profiles(wanted);
    if (before.phase === "DONE") return;
    this.#takeInput(before);
    const seat = this.#seat ?? before;
    for (const action of seatActions(seat, this.#view(slot), this.#timing(seat, slot), chain.now()))
      this.#start(action);
    this.#forwardVotes();
  }

  #view(slot: SlotView): ChainView {
    const { stage, round, state, deadline } = slot;
    const { posted = 0, batched = 0, revealed = 0, closedAt = 0 } = this.#box ?? {};
    return { state, stage, round, deadline, committed: posted | batched, batched, revealed, closedAt };
  }

  #timing(seat: SeatState, slot: SlotView): SeatTiming {
    const { tWork, tReveal } = this.job.spec.policy;
    return {
      tWork,
      tReveal,
      quorum: quorum(seat.seats.length),
      isLast: seat.stage === this.job.spec.stages - 1 || seat.round > 0,
      hasEarlierVotes: this.#earlierBallots(seat, slot) !== null,
    };
  }

  /** Complete votes of the stages between the chain's and this seat's, or null while any is missing. */
  #earlierBallots(seat: SeatState, slot: SlotView): Ballot[] | null {
    const list: Ballot[] = [];
    for (let stage = slot.stage; stage < seat.stage; stage += 1) {
      const ballot = this.#ballots.get(stage);
      if (ballot === undefined || ballot.openings.some((opening) => opening === null || opening.signature === null))
        return null;
      list.push(ballot);
    }
    return list;
  }

  // --- Input ------------------------------------------------------------------------------------------------------------

  /** The stage table; a linear model's is known without the chain. */
  async #readTable(): Promise<readonly StageInfo[]> {
    const { models, chain } = this.#modules;
    return models.table(this.job.spec.modelId) ?? (await chain.stageTable(this.job.spec.modelId));
  }

  /** Digest of a stage's input as far as accepted boundaries are known, from the chain or from complete votes. */
  #inDigestOf(stage: number): Hex | null {
    const table = this.#table;
    if (table === null) return null;
    const { boundaries } = this.record;
    const known = table.map((_, i) => {
      const onChain = boundaries[i];
      if (onChain !== undefined) return onChain;
      const ballot = this.#ballots.get(i);
      return ballot === undefined ? undefined : (acceptedDigest(ballot, quorum(ballot.signers.length)) ?? undefined);
    });
    try {
      return stageInDigest(table, stage, this.job.spec.inDigest, known);
    } catch (error) {
      if (isAssayError(error)) return null;
      throw error;
    }
  }

  #takeInput(seat: SeatState): void {
    if (seat.phase !== "WAITING_INPUT" || this.#table === null) return;
    const info = this.#table[seat.stage];
    if (info === undefined || info.place !== PLACE_NETWORK) return;
    const expected = this.#inDigestOf(seat.stage);
    // Said at once: the committee need not wait for an input that would not help.
    if (expected !== null && !this.#work.has(this.job.spec.modelId))
      return this.#vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.model) });
    if (expected === null || this.#work.inputDigest(this.jobId, info, this.#table) !== expected) return;
    this.#advance({ type: "input-ready", inDigest: expected, at: this.#modules.chain.now() });
  }

  // --- Doing ---------------------------------------------------------------------------------------------------------------

  #start(action: SeatAction): void {
    this.#once(action, () => this.#perform(action));
  }

  /** Starts an effect unless it runs or failed a moment ago. */
  #once(name: string, effect: () => Promise<void> | void): void {
    const now = this.#modules.clock.monotonicMs();
    if (this.#busy.has(name) || now < (this.#retryAt.get(name) ?? 0)) return;
    this.#busy.add(name);
    const run = async () => effect();
    void run()
      .catch((error: unknown) => {
        this.#retryAt.set(name, this.#modules.clock.monotonicMs() + RETRY_MS);
        if (this.#modules.signal.aborted) return;
        const code = isAssayError(error) ? { code: error.code } : {};
        this.#modules.logger.warn("seat.action_failed", { step: name, error, ...code });
        // Somebody else did it first, or the chain moved: look again at once.
        if (hasCode(error, "REVERTED") || hasCode(error, "TRANSACTION_REVERTED"))
          return this.refresh().catch(() => undefined);
        return undefined;
      })
      .finally(() => this.#busy.delete(name));
  }

  async #perform(action: SeatAction): Promise<void> {
    const seat = this.#seat;
    const slot = this.#slot;
    if (seat === null || slot === null) return;
    const behaviour = this.#modules.behaviour();
    if (behaviour.isSilent && action !== "run" && action !== "finish") return;
    switch (action) {
      case "run":
        return this.#run(seat);
      case "abstain-input":
        return this.#vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.input) });
      case "abstain-late":
        return this.#vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.model) });
      case "share-commit":
        this.#signCommit(seat);
        return this.#share();
      case "complete-set": {
        const set = completeSet(seat);
        if (set !== null) this.#advance({ type: "set-complete", commitSet: set });
        return undefined;
      }
      case "share-opening":
        if (behaviour.withholdsReveal) return undefined;
        this.#signOpening(seat);
        return this.#share();
      case "enter-slow-path":
        this.#modules.logger.warn("seat.slow_path", { stage: seat.stage, round: seat.round, seat: seat.own });
        return this.#advance({ type: "slow" });
      case "finish":
        return this.#advance({ type: "done" });
      case "expire":
        return this.#modules.chain.expire(this.#call());
      case "submit":
      case "commit-many":
      case "commit":
      case "reveal":
      case "tally":
      default:
        return this.#transact(action, seat, slot);
    }
  }

  async #run(seat: SeatState): Promise<void> {
    const { metrics, clock, behaviour, signal } = this.#modules;
    const started = clock.monotonicMs();
    const vote = await this.#work.run(this.jobId, this.job.spec.modelId, seat.stage, this.#table ?? [], signal);
    metrics.observe("assay_jobs_stage_seconds", { phase: "infer" }, (clock.monotonicMs() - started) / 1000);
    this.#modules.checkpoint("computed");
    const output = this.#work.output(this.jobId);
    if (output !== null && seat.stage === this.job.spec.stages - 1) await keepResult(this, output, this.#modules);
    return this.#vote(seat, behaviour().alterVote(vote));
  }

  #vote(seat: SeatState, vote: Vote): void {
    const inDigest = seat.inDigest ?? this.#inDigestOf(seat.stage);
    if (inDigest === null) return;
    const place = utf8(`${this.jobId}/${seat.stage}/${seat.round}`);
    const salt = toHex(this.#modules.keys.prf("assay.v1.commit-salt", place));
    this.#advance({ type: "computed", vote, salt, inDigest });
    const kind = isAbstention(vote.outDigest) ? "abstained" : "voted";
    this.#modules.logger.info("seat.voted", { stage: seat.stage, round: seat.round, seat: seat.own, kind });
  }

  #context(seat: Pick<SeatState, "stage" | "round">): StatementContext {
    return {
      domainSeparator: this.#modules.chain.domainSeparator,
      jobId: this.jobId,
      stage: seat.stage,
      round: seat.round,
    };
  }

  #opened(seat: SeatState) {
    if (seat.vote === null || seat.salt === null || seat.inDigest === null) return null;
    return { ...seat.vote, salt: seat.salt, inDigest: seat.inDigest, worker: this.#modules.keys.operator.address };
  }

  /** Signs the one Commit of this place; the journal holds it before the key is used. Error: ALREADY_SIGNED. */
  #signCommit(seat: SeatState): void {
    const opened = this.#opened(seat);
    if (opened === null || seat.commits[seat.own] !== null) return;
    const commitment = commitmentOf(this.#context(seat), opened);
    const signature = this.#sign(seat, "commit", commitStatement(this.#context(seat), commitment));
    this.#advance({ type: "commit", seat: seat.own, commit: { commitment, signature } });
    this.#modules.checkpoint("commit-stored");
  }

  /** Signs the one Reveal of this place, over a complete set; on the slow path an opening needs no signature. */
  #signOpening(seat: SeatState): void {
    const opened = this.#opened(seat);
    if (opened === null || seat.openings[seat.own] !== null) return;
    const { outDigest, payload, salt } = opened;
    const signature =
      seat.commitSet === null
        ? null
        : this.#sign(seat, "reveal", revealStatement(this.#context(seat), opened, seat.commitSet));
    const opening = { outDigest, payload, salt, signature };
    this.#advance({ type: "opening", seat: seat.own, opening, at: this.#modules.chain.now() });
    this.#modules.checkpoint("reveal-stored");
  }

  #sign(seat: SeatState, kind: "commit" | "reveal", digest: Uint8Array): Hex {
    const { journal, keys, metrics, checkpoint } = this.#modules;
    const action = { jobId: this.jobId, stage: seat.stage, round: seat.round, kind, digest: toHex(digest) };
    checkpoint(`${kind}-unsigned`);
    try {
      journal.writeBeforeSign(action);
    } catch (error) {
      if (hasCode(error, "ALREADY_SIGNED")) metrics.count("assay_jobs_signing_refused_total", {});
      throw error;
    }
    checkpoint(`${kind}-journalled`);
    const signature = toHex(keys.operator.signDigest(digest));
    metrics.count("assay_jobs_signatures_total", { kind });
    checkpoint(`${kind}-signed`);
    return signature;
  }

  // --- Peers ---------------------------------------------------------------------------------------------------------------

  #ballotOf({ stage, round }: { readonly stage: number; readonly round: number }): Ballot | null {
    const seat = this.#seat;
    if (seat === null) return null;
    if (seat.stage === stage && seat.round === round) return seat;
    if (round !== 0 || seat.round !== 0 || stage >= seat.stage || this.#committee === null) return null;
    const ballot = this.#ballots.get(stage);
    const inDigest = ballot?.inDigest ?? this.#inDigestOf(stage);
    if (ballot !== undefined) return ballot.inDigest === inDigest ? ballot : { ...ballot, inDigest };
    return emptyBallot(stage, 0, stageSeats(this.#committee, this.job, stage).signers, inDigest);
  }

  /** Takes valid statements that are new. Error: STATEMENT_INVALID for the first bad one; what came before it is kept. */
  #merge(message: SeatMessage): void {
    const refuse = (seat: number, reason: string) => {
      this.#modules.metrics.count("assay_net_envelopes_refused_total", { reason: "signature" });
      return protocolError("STATEMENT_INVALID", { job: this.jobId, seat, reason });
    };
    const context = this.#context(message);
    for (const { seat, commit } of message.commits) {
      const ballot = this.#ballotOf(message);
      if (ballot === null || seat >= ballot.signers.length) throw refuse(seat, "no such seat");
      const held = ballot.commits[seat] ?? null;
      if (held?.commitment === commit.commitment) continue;
      if (!isCommitValid(context, ballot, seat, commit)) throw refuse(seat, "commit");
      if (held !== null) this.#punish(message, seat, held, commit);
      else this.#put(message, { type: "commit", seat, commit });
    }
    this.#completeEarlier(message);
    for (const { seat, opening } of message.openings) {
      const ballot = this.#ballotOf(message);
      if (ballot === null || seat >= ballot.signers.length) throw refuse(seat, "no such seat");
      if ((ballot.openings[seat] ?? null) !== null) continue;
      // An opening can be ahead of the commits it belongs to: it is asked for again once they are here.
      if (ballot.commits[seat] === null || ballot.inDigest === null) continue;
      if (opening.signature !== null && ballot.commitSet === null) continue;
      const judgement = judgeOpening(context, ballot, seat, opening);
      if (judgement === "other-set" || (judgement === "invalid" && opening.signature !== null)) {
        // Somebody signed two Commits, or this is nonsense: comparing all commits shows which, and whose.
        this.#doubtsSet = true;
        // The commitment binds all the same: the slow path counts it without a signature.
        if (judgement === "other-set")
          this.#put(message, {
            type: "opening",
            seat,
            opening: { ...opening, signature: null },
            at: this.#modules.chain.now(),
          });
        continue;
      }
      if (judgement === "invalid") throw refuse(seat, "opening");
      this.#put(message, { type: "opening", seat, opening, at: this.#modules.chain.now() });
    }
  }

  #put(place: { readonly stage: number; readonly round: number }, event: SeatEvent): void {
    if (this.#seat?.stage === place.stage && this.#seat.round === place.round) return this.#advance(event);
    const ballot = this.#ballotOf(place);
    if (ballot === null) return;
    const set = <T>(list: readonly (T | null)[], seat: number, value: T) =>
      list.map((old, i) => (i === seat ? value : old));
    if (event.type === "commit")
      this.#ballots.set(place.stage, { ...ballot, commits: set(ballot.commits, event.seat, event.commit) });
    if (event.type === "opening")
      this.#ballots.set(place.stage, { ...ballot, openings: set(ballot.openings, event.seat, event.opening) });
  }

  #completeEarlier({ stage, round }: { readonly stage: number; readonly round: number }): void {
    const seat = this.#seat;
    if (seat === null) return;
    if (seat.stage === stage && seat.round === round) {
      const set = seat.commitSet === null ? completeSet(seat) : null;
      if (set !== null) this.#advance({ type: "set-complete", commitSet: set });
      return;
    }
    const ballot = this.#ballots.get(stage);
    if (ballot !== undefined && ballot.commitSet === null)
      this.#ballots.set(stage, { ...ballot, commitSet: completeSet(ballot) });
  }

  /** What this worker holds of a committee, as far as it was asked for. */
  #items(stage: number, round: number, wantCommits: number, wantOpenings: number): SeatMessage {
    const ballot = this.#ballotOf({ stage, round });
    const wanted = (bits: number, seat: number) => ((bits >>> seat) & 1) === 1;
    const behaviour = this.#modules.behaviour();
    const isMuted = behaviour.isSilent;
    const own = this.#seat?.stage === stage && this.#seat.round === round ? this.#seat.own : -1;
    return {
      jobId: this.jobId,
      stage,
      round,
      wantCommits: 0,
      wantOpenings: 0,
      commits: (ballot?.commits ?? []).flatMap((commit, seat) =>
        commit !== null && wanted(wantCommits, seat) && !isMuted ? [{ seat, commit }] : [],
      ),
      openings: (ballot?.openings ?? []).flatMap((opening, seat) =>
        opening !== null && wanted(wantOpenings, seat) && !isMuted && !(behaviour.withholdsReveal && seat === own)
          ? [{ seat, opening }]
          : [],
      ),
    };
  }

  /** Own items to all co-seats, asking for what is missing. */
  #share(): void {
    const seat = this.#seat;
    if (seat === null) return;
    const own = 1 << seat.own;
    const missing = (list: readonly unknown[]) =>
      list.reduce<number>((bits, item, i) => (item === null ? bits | (1 << i) : bits), 0);
    const items = this.#items(seat.stage, seat.round, own, own);
    // Openings exist only under a complete set (or after the phase closed): before that nobody has any to give.
    const wantOpenings = seat.openings[seat.own] === null ? 0 : missing(seat.openings);
    const wantCommits = this.#doubtsSet ? (1 << seat.seats.length) - 1 : missing(seat.commits);
    const message = { ...items, wantCommits, wantOpenings };
    const fingerprint = `${message.commits.length}/${message.openings.length}`;
    for (const [i, id] of seat.seats.entries()) {
      const addresses = this.#profiles.get(id)?.addresses ?? [];
      if (i === seat.own || addresses.length === 0) continue;
      this.#exchange.offer(String(id), addresses, this.#bend(message, i), fingerprint);
    }
  }

  /** Development faults in what leaves: see node/dev-faults. Honest behaviour changes nothing. */
  #bend(message: SeatMessage, to: number): SeatMessage {
    const { equivocates, sendsGarbage } = this.#modules.behaviour();
    const seat = this.#seat;
    if (seat === null || (!equivocates && !sendsGarbage)) return message;
    if (sendsGarbage)
      return {
        ...message,
        commits: message.commits.map(({ seat: at }) => ({
          seat: at,
          commit: { commitment: NO_WORD as Hex, signature: toHex(new Uint8Array(64).fill(9)) },
        })),
      };
    if (((to - seat.own + seat.seats.length) % seat.seats.length) % 2 === 0) return message;
    const commitment = toHex(this.#modules.keys.prf("dev.equivocation", utf8(this.jobId)));
    const signature = toHex(this.#modules.keys.operator.signDigest(commitStatement(this.#context(seat), commitment)));
    return { ...message, openings: [], commits: [{ seat: seat.own, commit: { commitment, signature } }] };
  }

  /** Complete votes of this stage to the seats of later ones: they need them to start, and to submit. */
  #forwardVotes(): void {
    const seat = this.#seat;
    const committee = this.#committee;
    if (
      seat === null ||
      committee === null ||
      seat.round > 0 ||
      !hasFastVotes(seat) ||
      this.#modules.behaviour().isSilent
    )
      return;
    const all = 0xffffffff;
    for (let stage = seat.stage + 1; stage < this.job.spec.stages; stage += 1)
      for (let earlier = 0; earlier <= seat.stage; earlier += 1) {
        const message = this.#items(earlier, 0, all, all);
        if (message.openings.length < seat.seats.length) continue;
        for (const id of stageSeats(committee, this.job, stage).seats)
          this.#forwarding.offer(`${id}/${earlier}`, this.#profiles.get(id)?.addresses ?? [], message, "votes");
      }
  }

  #punish(
    place: { readonly stage: number; readonly round: number },
    seat: number,
    held: { commitment: Hex; signature: Hex },
    other: { commitment: Hex; signature: Hex },
  ): void {
    const committee = this.#committee;
    if (committee === null || this.#punished.has(seat)) return;
    const { seats } = place.round > 0 ? { seats: committee.ids } : stageSeats(committee, this.job, place.stage);
    const workerId = seats[seat];
    if (workerId === undefined) return;
    this.#punished.add(seat);
    this.#modules.logger.warn("seat.equivocation", { stage: place.stage, round: place.round, seat, worker: workerId });
    this.#once(`punish-${seat}`, () =>
      this.#modules.chain.proveEquivocation({
        workerId,
        jobId: this.jobId,
        stage: place.stage,
        round: place.round,
        a: held,
        b: other,
      }),
    );
  }

  // --- Chain --------------------------------------------------------------------------------------------------------------

  /** The job and its record as the chain stands. Error: RECORD_UNKNOWN when the events seen do not hash to the chain's word. */
  #call() {
    const slot = this.#slot;
    const record = slot === null || slot.word === NO_WORD ? EMPTY_RECORD : this.record;
    if (slot !== null && slot.word !== NO_WORD && recordHash(record) !== slot.word)
      throw protocolError("RECORD_UNKNOWN", { job: this.jobId });
    return { jobId: this.jobId, job: this.job, record };
  }

  /** Stage tables travel only for models that are not linear. */
  async #tableArgument(): Promise<readonly StageInfo[]> {
    const model = await this.#modules.chain.model(this.job.spec.modelId);
    return model.linear ? [] : (this.#table ?? []);
  }

  #outputArgument(slot: SlotView, seat: SeatState): Hex {
    const bytes = this.#work.output(this.jobId);
    const isPublic = (slot.flags & OUTPUT_PUBLIC) !== 0 && BigInt(this.job.spec.callback) !== 0n;
    const isLast = seat.stage === this.job.spec.stages - 1;
    const accepted = acceptedDigest({ ...seat, commitSet: seat.commitSet ?? "0x" }, quorum(seat.seats.length));
    if (!isPublic || !isLast || bytes === null || bytes.length > MAX_INLINE_OUTPUT) return "0x";
    return accepted === seat.vote?.outDigest ? toHex(bytes) : "0x";
  }

  async #transact(action: Transaction, seat: SeatState, slot: SlotView): Promise<void> {
    const { chain, clock, metrics, checkpoint, behaviour } = this.#modules;
    const call = this.#call();
    const batch = this.#memory.batches[`${seat.stage}/${seat.round}`] ?? [];
    const started = clock.monotonicMs();
    checkpoint(`${action}-sending`);
    switch (action) {
      case "submit": {
        const earlier = this.#earlierBallots(seat, slot);
        if (earlier === null) return;
        const own = hasFastVotes(seat) ? [toStageVotes(seat)] : [];
        const votes = [...earlier.map((ballot) => toStageVotes(ballot)), ...own];
        if (votes.length === 0) return;
        const output = own.length > 0 ? this.#outputArgument(slot, seat) : "0x";
        await chain.submit({ ...call, table: await this.#tableArgument(), votes, output });
        if (own.length > 0) this.#advance({ type: "submitted" });
        break;
      }
      case "commit-many": {
        const commits = seat.commits.flatMap((commit, index) => {
          if (commit === null) return [];
          const [r, vs] = splitSignature(commit.signature);
          return [{ seat: index, commitment: commit.commitment, r, vs }];
        });
        await chain.commitMany({ ...call, commits });
        break;
      }
      case "commit": {
        const commit = seat.commits[seat.own];
        if (commit !== null && commit !== undefined)
          await chain.commit({ ...call, seat: seat.own, commitment: commit.commitment });
        break;
      }
      case "reveal": {
        const opened = this.#opened(seat);
        if (opened === null || behaviour().withholdsReveal) return;
        const { outDigest, payload, salt } = opened;
        const table = await this.#tableArgument();
        await chain.reveal({ ...call, table, seat: seat.own, outDigest, payload, salt, batch });
        break;
      }
      case "tally": {
        const posted = this.#postedCommitments(seat, slot);
        const isUsable = (index: number) =>
          posted[index] !== undefined && posted[index] === seat.commits[index]?.commitment;
        const isLate = chain.now() > (this.#box?.closedAt || slot.deadline) + this.job.spec.policy.tReveal;
        // A seat that posted another commitment than it sent has no opening that counts: that waits for tReveal to end.
        if (!isLate && posted.some((one, index) => one !== undefined && !isUsable(index))) return;
        const votes = toStageVotes(seat, isUsable);
        const table = await this.#tableArgument();
        await chain.tally({ ...call, table, votes, batch, output: this.#outputArgument(slot, seat) });
        break;
      }
    }
    checkpoint(`${action}-mined`);
    metrics.observe("assay_jobs_stage_seconds", { phase: "submit" }, (clock.monotonicMs() - started) / 1000);
    await this.refresh();
  }

  /** What each seat is bound to on chain in this round; undefined for absent seats. */
  #postedCommitments(seat: SeatState, slot: SlotView): (Hex | undefined)[] {
    const key = `${seat.stage}/${seat.round}`;
    const batch = [...(this.#memory.batches[key] ?? [])];
    const own = this.#memory.posted[key] ?? {};
    const { batched } = this.#view(slot);
    return seat.seats.map((_, i) => (((batched >>> i) & 1) === 1 ? batch.shift() : own[i]));
  }

  #poke(slot: SlotView): void {
    const { place } = this.#memory;
    const seat = this.#seat;
    const { chain, behaviour } = this.#modules;
    if (place === null || seat === null || behaviour().isSilent) return;
    const said = seat.vote === null || isAbstention(seat.vote.outDigest) ? null : seat.vote;
    const poke = jobPoke(this.job, this.record, slot, { ...place, said }, chain.now());
    if (poke === null) return;
    if (poke === "challenge" && !behaviour().mayChallenge) return;
    this.#once(poke, async () => {
      if (poke === "settle") await chain.settle({ ...this.#call(), output: this.#outputArgument(slot, seat) });
      else if (poke === "expire") await chain.expire(this.#call());
      else {
        const bond = challengeBond(this.job, this.record, place.stage);
        if ((await chain.freeBalance()) < bond) {
          this.#modules.logger.error("challenge.unaffordable", { stage: place.stage, amount: bond });
          this.#retryAt.set(poke, this.#modules.clock.monotonicMs() + 30_000);
          return;
        }
        await chain.challenge({ ...this.#call(), stage: place.stage });
      }
      await this.refresh();
    });
  }

  // --- Journal --------------------------------------------------------------------------------------------------------------

  /** The only way the seat's state changes: decided, journalled, then visible. */
  #advance(event: SeatEvent): void {
    const seat = this.#seat;
    if (seat === null) return;
    const next = advanceSeat(seat, event);
    if (next === seat || JSON.stringify(next) === JSON.stringify(seat)) return;
    this.#modules.journal.record({ job: this.#seatRow(next) });
    this.#seat = next;
    if (next.phase !== seat.phase) {
      this.#modules.logger.debug("seat.phase", {
        stage: next.stage,
        round: next.round,
        state: next.phase,
        previous: seat.phase,
      });
      this.#modules.checkpoint(`phase-${next.phase}`);
      this.#exchange.wake();
    }
  }

  #seatRow(state: SeatState) {
    const { jobId, stage, round, phase } = state;
    const data = encodeSeat(state);
    return { jobId, role: "seat" as const, stage, round, state: phase, done: phase === "DONE", deadlineMs: null, data };
  }

  #saveMemory(change: Partial<JobMemory>): void {
    this.#memory = { ...this.#memory, ...change };
    this.#modules.journal.record({ job: this.#memoryRow() });
  }

  #memoryRow() {
    return {
      jobId: this.jobId,
      role: "watcher" as const,
      stage: 0,
      round: 0,
      state: this.isOver ? "OVER" : "OPEN",
      done: this.isOver,
      deadlineMs: null,
      data: encodeMemory(this.#memory),
    };
  }

  #close(): void {
    this.#advance({ type: "done" });
    this.#saveMemory({});
  }
}
