// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { toHex } from "../core/bytes.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { isJoined } from "../core/join.ts";
import { isCipherParcel } from "../core/she/cipher-parcel.ts";
import {
  KIND_CIPHER,
  PLACE_NETWORK,
  ZERO_BYTES32,
  type Job,
  type Record as JobRecord,
  type StageInfo,
} from "../core/types.ts";
import { openingQuorum } from "../core/vote.ts";
import { isAudit, isSampled } from "./audit-steps.ts";
import { completeSet } from "./ballot.ts";
import type { EnclaveWork } from "./enclave-work.ts";
import type { AcceptedBoundary } from "./boundary-in.ts";
import { keepStage, type KeptStage } from "./cipher-keep.ts";
import { bytesOf, openKeys } from "./cipher-stage.ts";
import { stageSeats, type Committee } from "./committee.ts";
import type { Hex, ProtocolModules, SlotView, WorkerProfile } from "./ports.ts";
import { keepOutput } from "./result-desk.ts";
import { ABSTAIN_REASON, isAbstention, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import {
  decodeSeat,
  type JobMemory,
  type KnownFeed,
  type KnownOffer,
  type RoundSketches,
  type ShownSketch,
} from "./seat-codec.ts";
import { seatActions, STATE, type SeatAction, type SeatState, type SeatTiming } from "./seat-machine.ts";
import { findSeat, isCommitteeStale } from "./seat-search.ts";
import { SessionAudit } from "./session-audit.ts";
import { SeatSigning } from "./seat-signing.ts";
import { SeatTransactions } from "./seat-transactions.ts";
import type { SeatMessage } from "./seat-wire.ts";
import { SessionBallots } from "./session-ballots.ts";
import { EMPTY_RECORD, SessionState } from "./session-state.ts";
import { StatementIntake } from "./statement-intake.ts";
import { StatementSharing } from "./statement-sharing.ts";

/** Longer than the job: games may outlast it. */
const KEEP_MS = 3_600_000;

/**
 * One job in which this worker has a seat, or may get one. Reacts to chain events, peers' messages and the clock; every transition is
 * in the journal before its effect leaves the process. Actions are level-triggered, so a restart simply goes on.
 */
export class JobSession {
  readonly jobId: Hex;
  readonly #state: SessionState;
  readonly #modules: ProtocolModules;
  readonly #work: EnclaveWork;
  readonly #ballots: SessionBallots;
  readonly #sharing: StatementSharing;
  readonly #intake: StatementIntake;
  readonly #signing: SeatSigning;
  readonly #transactions: SeatTransactions;
  /** Of OPTIMISTIC jobs. */
  readonly #audit: SessionAudit | null;
  #isTicking = false;

  private constructor(state: SessionState, work: EnclaveWork) {
    this.jobId = state.jobId;
    this.#state = state;
    this.#modules = state.modules;
    this.#work = work;
    this.#ballots = new SessionBallots(state);
    this.#sharing = new StatementSharing(state, this.#ballots, (message) => this.#intake.merge(message));
    this.#intake = new StatementIntake(state, this.#ballots, this.#sharing);
    this.#signing = new SeatSigning(state, this.#ballots);
    this.#transactions = new SeatTransactions(state, this.#ballots, this.#signing, work);
    const parts = { work, call: () => this.#transactions.call(), holder: this, readTable: () => this.#readTable() };
    this.#audit = isSampled(state.job) ? new SessionAudit(state, parts) : null;
    state.onPhase = () => this.#sharing.wake();
  }

  static open(jobId: Hex, job: Job, modules: ProtocolModules, work: EnclaveWork): JobSession {
    const memory = { job, record: EMPTY_RECORD, batches: {}, posted: {}, offers: [], result: null, place: null };
    const state = new SessionState(jobId, memory, null, modules);
    state.saveMemory({});
    return new JobSession(state, work);
  }

  /** From the journal, after a restart. */
  static restore(jobId: Hex, memory: JobMemory, modules: ProtocolModules, work: EnclaveWork): JobSession {
    const { place } = memory;
    const row =
      place === null ? null : modules.journal.job({ jobId, role: "seat", stage: place.stage, round: place.round });
    return new JobSession(new SessionState(jobId, memory, row === null ? null : decodeSeat(row.data), modules), work);
  }

  get job(): Job {
    return this.#state.job;
  }
  get record(): JobRecord {
    return this.#state.record;
  }
  get seat(): SeatState | null {
    return this.#state.seat;
  }
  get slot(): SlotView | null {
    return this.#state.slot;
  }
  get committee(): Committee | null {
    return this.#state.committee;
  }
  get offers(): readonly KnownOffer[] {
    return this.#state.memory.offers;
  }
  get feeds(): readonly KnownFeed[] {
    return this.#state.memory.feeds ?? [];
  }
  addFeed(feed: KnownFeed): void {
    const others = this.feeds.filter(
      ({ sender, index }) => sender !== feed.sender || index.boundary !== feed.index.boundary,
    );
    this.#state.saveMemory({ feeds: [...others, feed] });
  }
  /** Stage of the seat in the first committees. */
  get seatedStage(): number | null {
    const { seat } = this.#state;
    return seat === null || seat.round > 0 ? null : seat.stage;
  }
  /** Without its stage's input yet. */
  get isHungry(): boolean {
    return this.#state.seat?.phase === "WAITING_INPUT";
  }
  /** Seats of a stage's first committee; empty while they are not known. */
  stageSigners(stage: number): readonly Hex[] {
    const { committee, former, formerIds } = this.#state;
    if (committee === null) return [];
    if (committee.round === 0) return stageSeats(committee, this.job, stage).signers;
    const { k } = this.job.spec.policy;
    const ids = this.record.seats.slice(stage * k, (stage + 1) * k);
    return ids.flatMap((id) => former[formerIds.indexOf(id)] ?? []);
  }
  accepted(boundary: number): AcceptedBoundary | null {
    return this.#ballots.acceptedOf(boundary);
  }
  get result(): Hex | null {
    return this.#state.memory.result;
  }
  /** What this worker's seat evaluated on ciphertexts, and where it lies (`cipher-keep.ts`); null before its vote. */
  get kept(): KeptStage | null {
    return this.#state.memory.cipher ?? null;
  }
  get table(): readonly StageInfo[] | null {
    return this.#state.table;
  }
  /** Signers of the round before an escalation: holders of the input that may pass it on. */
  get formerSigners(): readonly Hex[] {
    return this.#audit === null ? this.#state.former : [...this.#state.former, ...this.#audit.signers];
  }
  /** Set for OPTIMISTIC jobs. */
  get audit(): SessionAudit | null {
    return this.#audit;
  }
  /** A seat, or an answer that it must stand for. */
  get isNeeded(): boolean {
    return this.seat !== null || this.#audit?.isBound === true;
  }
  get profiles(): ReadonlyMap<number, WorkerProfile> {
    return this.#state.profiles;
  }
  get isOver(): boolean {
    return this.#state.isOver;
  }
  /** Where these workers are reached, read once. Error: RPC_UNAVAILABLE. */
  async findProfiles(ids: readonly number[]): Promise<readonly WorkerProfile[]> {
    if (ids.some((id) => !this.#state.profiles.has(id)))
      this.#state.profiles = new Map([...this.#state.profiles, ...(await this.#modules.chain.profiles(ids))]);
    return ids.flatMap((id) => this.#state.profiles.get(id) ?? []);
  }
  /** Where a signer of this job can be dialled; empty for requesters. */
  addressesOf(signer: Hex): readonly PeerAddress[] {
    return this.#state.addressesOf(signer);
  }
  signerOf(workerId: number): Hex | null {
    return this.#state.signerOf(workerId);
  }

  /** Reads the chain's side again: after every event of this job, and after a rewind. Error: RPC_UNAVAILABLE. */
  refresh(): Promise<void> {
    return this.#state.refresh();
  }

  /** After a reorganisation: what was drawn and recorded is looked up again. Error: RPC_UNAVAILABLE. */
  async rewind(): Promise<void> {
    await this.#state.rewind();
    this.#audit?.forgetCandidates();
  }

  /** A message of another holder; the reply holds what it asked for. Errors: JOB_UNKNOWN, SEAT_UNKNOWN, STATEMENT_INVALID. */
  receive(message: SeatMessage): SeatMessage {
    return this.#intake.receive(message);
  }

  /** A new record, or new facts of it, from an event. */
  setRecord(change: (record: JobRecord) => JobRecord): void {
    this.#state.saveMemory({ record: change(this.#state.memory.record) });
  }

  /** Given up without a seat: too many jobs are open. */
  abandon(): void {
    this.#modules.journal.record({ job: { ...this.#state.memoryRow(), state: "ABANDONED", done: true } });
  }

  addOffer(offer: KnownOffer): void {
    if (this.offers.some((known) => known.blob === offer.blob && known.sender === offer.sender)) return;
    this.#state.saveMemory({ offers: [...this.offers, offer] });
  }

  get appetite(): "hungry" | "fed" | "busy" | "none" {
    const { seat } = this.#state;
    if (seat === null) return this.#audit?.appetite ?? "none";
    return seat.phase === "WAITING_INPUT" ? "hungry" : "fed";
  }

  /** What an offered blob held. Errors: OFFER_REFUSED, NOT_CANONICAL, BYTES_REFUSED and the like. */
  take(plain: Uint8Array, _offer: KnownOffer, isPublic: boolean): void | Promise<void> {
    if (!isPublic && isCipherParcel(plain)) return this.#takeKeys(plain);
    if (isPublic) return this.#work.acceptPublic(this.jobId, plain);
    return this.#work.accept(this.jobId, this.#state.seat?.stage ?? (this.#audit === null ? -1 : 0), plain);
  }

  async #takeKeys(plain: Uint8Array): Promise<void> {
    const stage = this.#state.seat?.stage ?? -1;
    const inDigest = stage < 0 ? null : this.#ballots.inDigestOf(stage);
    const keys = await openKeys(plain, { stage, inDigest, spec: this.job.spec }, this.#modules.models);
    this.#work.acceptKeys(this.jobId, keys);
  }

  /** As `take`, of a job whose inputs only an enclave may see; null if this worker has none that serves it. */
  get takeInside(): ((blob: Uint8Array, offer: KnownOffer, isPublic: boolean) => Promise<void>) | null {
    if (!this.#work.takes(this.job.spec)) return null;
    return async (blob, { boundary, sender }, isPublic) =>
      this.#work.openInside(this.jobId, this.job, { boundary, sender, isPublic, blob });
  }

  /** Own answer and all others are out, or counted: the result cannot help a lazy co-seat any more. */
  get isResultOut(): boolean {
    const state = this.#state.slot?.state ?? STATE.NONE;
    const isOut = this.#state.seat?.openings.every((opening) => opening !== null) ?? false;
    return isOut || state === STATE.WINDOW || state === STATE.FINAL;
  }

  setResult(root: Hex): void {
    this.#state.saveMemory({ result: root });
  }

  addBatch(stage: number, round: number, commitments: readonly Hex[]): void {
    this.#state.saveMemory({ batches: { ...this.#state.memory.batches, [`${stage}/${round}`]: commitments } });
  }

  addPosted(stage: number, round: number, seat: number, commitment: Hex): void {
    const key = `${stage}/${round}`;
    const posted = { ...this.#state.memory.posted, [key]: { ...this.#state.memory.posted[key], [seat]: commitment } };
    this.#state.saveMemory({ posted });
  }

  /** An opening that its seat stored on chain: as good as one from the seat itself. */
  addRevealed(stage: number, round: number, seat: number, opening: { outDigest: Hex; payload: Hex; salt: Hex }): void {
    if (this.#state.seat?.stage !== stage || this.#state.seat.round !== round) return;
    this.#state.advance({
      type: "opening",
      seat,
      opening: { ...opening, extra: ZERO_BYTES32, signature: null },
      at: this.#modules.chain.now(),
    });
  }

  /** Class T: what the hub told of a committee's sketches. Those of a first committee are shown again when a second one counts. */
  addSketches(stage: number, round: number, { a, b, seedB }: RoundSketches): void {
    if (round === 0) this.#state.saveMemory({ sketched: { ...this.#state.memory.sketched, [stage]: { a, b, seedB } } });
  }

  /** Class T: an opening that its seat stored on chain. What it sent before may hold another sketch B, which then does not count. */
  addShown(stage: number, round: number, seat: number, { outDigest, a, b, salt }: ShownSketch): void {
    const key = `${stage}/${round}`;
    const { shown } = this.#state.memory;
    this.#state.saveMemory({
      shown: { ...shown, [key]: { ...shown?.[key], [seat]: { outDigest, a, b, salt } } },
    });
  }

  /** Does whatever is due. Cheap when nothing is; never runs twice at once. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    if (this.#isTicking || this.#modules.signal.aborted) return;
    this.#isTicking = true;
    try {
      if (this.#state.slot === null) await this.#state.refresh();
      const slot = this.#state.slot;
      if (slot === null || this.isOver) return;
      await this.#audit?.tick(slot);
      const isVoted = this.#audit?.votes(slot) ?? true;
      if (isVoted && slot.state === STATE.OPEN && isCommitteeStale(this.#state, slot))
        await findSeat(this.#state, slot);
      if (this.#state.seat !== null) await this.#tickSeat(slot);
      this.#transactions.poke(slot);
    } finally {
      this.#isTicking = false;
    }
  }

  async #tickSeat(slot: SlotView): Promise<void> {
    const { chain } = this.#modules;
    const before = this.#state.seat;
    if (before === null || this.#state.committee === null) return;
    if (this.#state.table === null) this.#state.table = await this.#readTable();
    const wanted = [...this.#state.committee.ids, ...this.#state.formerIds];
    if (wanted.some((id) => !this.#state.profiles.has(id))) this.#state.profiles = await chain.profiles(wanted);
    this.#audit?.adopt();
    this.#recompute(before);
    if (before.phase === "DONE") return;
    this.#takeInput(before);
    const seat = this.#state.seat ?? before;
    for (const action of seatActions(seat, this.#state.view(slot), this.#timing(seat, slot), chain.now()))
      this.#start(action);
    this.#sharing.forwardVotes();
  }

  #timing(seat: SeatState, slot: SlotView): SeatTiming {
    const { tWork, tReveal } = this.job.spec.policy;
    return {
      tWork,
      tReveal,
      quorum: openingQuorum(seat.seats.length, this.#audit !== null && isAudit(slot)),
      // In class T each stage is counted by a call of its own.
      isLast: this.#state.isTolerant || seat.stage === this.job.spec.stages - 1 || seat.round > 0,
      hasEarlierVotes: this.#ballots.earlierBallots(seat, slot) !== null,
      isTolerant: this.#state.isTolerant,
    };
  }

  /** The stage table; a linear model's is known without the chain. */
  async #readTable(): Promise<readonly StageInfo[]> {
    const { models, chain } = this.#modules;
    return models.table(this.job.spec.modelId) ?? (await chain.stageTable(this.job.spec.modelId));
  }

  /** Inputs of a batch; 0 if the job is none. */
  get #inputs(): number {
    return batchCount(this.job.spec.policy.flags);
  }

  /** Of the input held. */
  #inputDigest(info: StageInfo, table: readonly StageInfo[]): Hex | null {
    return this.#work.inputDigest(this.jobId, info, table, this.#inputs, isJoined(this.job.spec, table));
  }

  /** Nobody reads this stage's output but the requester. */
  #isSink(stage: number): boolean {
    return !(this.#state.table ?? []).some(({ producers }) => producers.includes(stage));
  }

  #takeInput(seat: SeatState): void {
    const { table } = this.#state;
    if (seat.phase !== "WAITING_INPUT" || table === null) return;
    const info = table[seat.stage];
    if (info === undefined || info.place !== PLACE_NETWORK) return;
    const { spec } = this.job;
    // What comes of its input is computed at once. Floats are run once, when the seed of their sketches is known; ciphertexts come whole.
    const isExact = !this.#state.isTolerant && info.inKind !== KIND_CIPHER;
    const isFed = seat.round === 0 && seat.stage > 0 && isExact && this.#work.takes(spec);
    if (isFed) this.#work.begin(this.jobId, { spec, stage: seat.stage, table, signal: this.#modules.signal });
    const expected = this.#ballots.inDigestOf(seat.stage);
    // Said at once: the committee need not wait for an input that would not help.
    if (expected !== null && !this.#work.takes(this.job.spec))
      return this.#signing.vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.model) });
    if (expected === null || this.#inputDigest(info, table) !== expected) return;
    this.#state.advance({ type: "input-ready", inDigest: expected, at: this.#modules.chain.now() });
  }

  #start(action: SeatAction): void {
    this.#state.effects.once(action, () => this.#perform(action));
  }

  async #perform(action: SeatAction): Promise<void> {
    const seat = this.#state.seat;
    const slot = this.#state.slot;
    if (seat === null || slot === null) return;
    const behaviour = this.#modules.behaviour();
    if (behaviour.isSilent && action !== "run" && action !== "finish") return;
    switch (action) {
      case "run":
        return this.#run(seat);
      case "abstain-input":
        return this.#signing.vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.input) });
      case "abstain-late":
        return this.#signing.vote(seat, { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.model) });
      case "share-commit":
        this.#signing.signCommit(seat);
        return this.#sharing.share();
      case "complete-set": {
        const set = completeSet(seat);
        if (set !== null) this.#state.advance({ type: "set-complete", commitSet: set });
        return undefined;
      }
      case "share-opening":
        if (behaviour.withholdsReveal) return undefined;
        this.#signing.signOpening(seat);
        return this.#sharing.share();
      case "enter-slow-path":
        this.#modules.logger.warn("seat.slow-path", { stage: seat.stage, round: seat.round, seat: seat.own });
        return this.#state.advance({ type: "slow" });
      case "finish":
        return this.#state.advance({ type: "done" });
      case "expire":
        return this.#transactions.giveUp(slot);
      case "submit":
      case "commit-many":
      case "commit":
      case "reveal":
      case "tally":
      default:
        return this.#transactions.transact(action, seat, slot);
    }
  }

  /** Outputs are in memory only: after a restart the next stage's seats still need this one's. The vote itself never changes. */
  #recompute(seat: SeatState): void {
    const { vote, stage, inDigest } = seat;
    const table = this.table;
    const info = table?.[stage];
    if (vote === null || isAbstention(vote.outDigest) || table === null || info === undefined) return;
    if (stage === this.job.spec.stages - 1 || this.#work.output(this.jobId) !== null) return;
    if (inDigest === null || this.#inputDigest(info, table) !== inDigest) return;
    this.#state.effects.once("recompute", async () => {
      await this.#work.run(this.jobId, this.job.spec, stage, table, this.#modules.signal);
      this.#modules.logger.info("seat.recomputed", { stage, round: seat.round, seat: seat.own });
    });
  }

  async #run(seat: SeatState): Promise<void> {
    const { metrics, clock, behaviour, signal } = this.#modules;
    const started = clock.monotonicMs();
    const seedA = this.#sketchSeed(seat);
    // The first committee's sketches are an event away; without them a second one's could not be compared.
    if (this.#state.isTolerant && seedA === null) return this.#state.effects.delay("run", 500);
    const vote = await this.#work.run(this.jobId, this.job.spec, seat.stage, this.#state.table ?? [], signal, seedA);
    metrics.observe("assay_jobs_stage_seconds", { phase: "infer" }, (clock.monotonicMs() - started) / 1000);
    this.#modules.checkpoint("computed");
    const output = this.#work.output(this.jobId);
    if (this.#isSink(seat.stage)) await keepOutput(this, this.#work, seat.stage, this.#modules);
    const shown = this.#state.isTolerant && output !== null ? toHex(output) : null;
    const said = behaviour().alterVote(vote);
    this.#signing.vote(seat, said, shown);
    await this.#keep(seat, said.outDigest, output);
  }

  /** Of ciphertexts: what a trace would be made of, should anybody dispute. */
  async #keep({ stage, round, inDigest }: SeatState, outDigest: Hex, output: Uint8Array | null): Promise<void> {
    const held = this.#work.cipherMaterials(this.jobId);
    if (held === null || output === null || inDigest === null || isAbstention(outDigest)) return;
    const { chain, clock } = this.#modules;
    const expiresAtMs = clock.nowMs() + Math.max(0, this.job.spec.expiry - chain.now()) * 1_000 + KEEP_MS;
    const work = { ...held.keys, input: bytesOf(held.input) };
    const said = { stage, round, inDigest, outDigest };
    this.#state.saveMemory({ cipher: await keepStage(said, work, bytesOf(output), { ...this.#modules, expiresAtMs }) });
  }

  /** Class T: what sketch A is drawn from, known before anybody commits; null until it is. */
  #sketchSeed({ round, stage, seed }: SeatState): Hex | null {
    if (!this.#state.isTolerant) return null;
    return round === 0 ? seed : (this.#state.memory.sketched?.[stage]?.seedB ?? null);
  }
}
