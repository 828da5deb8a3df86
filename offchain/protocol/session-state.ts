// SPDX-License-Identifier: GPL-3.0-or-later
import type { PeerAddress } from "../core/ports/transport.ts";
import { CLASS_T, type Job, type Record as JobRecord, type StageInfo } from "../core/types.ts";
import type { Committee } from "./committee.ts";
import { Effects } from "./effects.ts";
import type { BoxView, Hex, ProtocolModules, SlotView, WorkerProfile } from "./ports.ts";
import { encodeMemory, encodeSeat, type JobMemory } from "./seat-codec.ts";
import { advanceSeat, STATE, type ChainView, type SeatEvent, type SeatState } from "./seat-machine.ts";
import type { StatementContext } from "./statements.ts";

export const EMPTY_RECORD: JobRecord = { seats: [], boundaries: [], tallies: [], decided: 0 };
/** State of a row whose job a reorganisation took off the chain: taken up again when the request comes back. */
export const GONE = "GONE";
export const NO_WORD = `0x${"0".repeat(64)}`;

/**
 * What one job's session knows: the chain's side as last read, the seat's side as journalled. All parts of the session read it; the
 * seat's state changes only through `advance`, the rest of what a restart needs only through `saveMemory`.
 */
export class SessionState {
  readonly jobId: Hex;
  readonly modules: ProtocolModules;
  readonly effects: Effects;
  memory: JobMemory;
  seat: SeatState | null;
  slot: SlotView | null = null;
  box: BoxView | null = null;
  committee: Committee | null = null;
  /** The round in which this worker was not drawn: its committee need not be looked for again. */
  notDrawnFor = "";
  /** Signers of the round before an escalation: holders of the input that may pass it on. */
  former: readonly Hex[] = [];
  formerIds: readonly number[] = [];
  table: readonly StageInfo[] | null = null;
  profiles: ReadonlyMap<number, WorkerProfile> = new Map();
  /** A co-seat signed over another set than ours: all commits are compared again. */
  doubtsSet = false;
  /** The seat's phase changed: peers may be waiting for what it now holds. */
  onPhase: () => void = () => undefined;

  constructor(jobId: Hex, memory: JobMemory, seat: SeatState | null, modules: ProtocolModules) {
    this.jobId = jobId;
    this.memory = memory;
    this.seat = seat;
    this.modules = { ...modules, logger: modules.logger.child({ job: jobId }) };
    this.effects = new Effects(this.modules, {
      view: () => this.#print(),
      refresh: () => this.refresh(),
      isOver: () => this.isOver,
    });
  }

  /** Where a signer of this job can be dialled; empty for requesters. */
  addressesOf(signer: Hex): readonly PeerAddress[] {
    const at = this.committee?.signers.findIndex((one) => one.toLowerCase() === signer.toLowerCase()) ?? -1;
    const id =
      this.committee?.ids[at] ??
      this.formerIds[this.former.findIndex((one) => one.toLowerCase() === signer.toLowerCase())];
    return id === undefined ? [] : (this.profiles.get(id)?.addresses ?? []);
  }

  signerOf(workerId: number): Hex | null {
    const at = this.committee?.ids.indexOf(workerId) ?? -1;
    return this.committee?.signers[at] ?? null;
  }

  /** The chain has ended the job: nothing is left to do. */
  get isOver(): boolean {
    const state = this.slot?.state;
    return state === STATE.FINAL || state === STATE.CLOSED || state === STATE.NONE;
  }

  get job(): Job {
    return this.memory.job;
  }

  /** Class T: floats, compared within the model's tolerance. */
  get isTolerant(): boolean {
    return this.job.spec.policy.cls === CLASS_T;
  }

  get record(): JobRecord {
    return this.memory.record;
  }

  /** Reads the chain's side again: after every event of this job, and after a rewind. Error: RPC_UNAVAILABLE. */
  async refresh(): Promise<void> {
    const { chain } = this.modules;
    const before = this.#print();
    const slot = await chain.slot(this.jobId);
    this.box =
      slot.state === STATE.OPEN && slot.word !== NO_WORD ? await chain.box(this.jobId, slot.stage, slot.round) : null;
    this.slot = slot;
    // What failed against this very state would fail again: it keeps its pause.
    if (this.#print() !== before) this.effects.clear();
    if (slot.state === STATE.NONE) this.saveMemory({});
    else if (this.isOver) this.#close();
  }

  view(slot: SlotView): ChainView {
    const { stage, round, state, deadline } = slot;
    const { posted = 0, batched = 0, revealed = 0, closedAt = 0 } = this.box ?? {};
    return { state, stage, round, deadline, committed: posted | batched, batched, revealed, closedAt };
  }

  context(seat: Pick<SeatState, "stage" | "round">): StatementContext {
    return {
      domainSeparator: this.modules.chain.domainSeparator,
      jobId: this.jobId,
      stage: seat.stage,
      round: seat.round,
    };
  }

  /** The chain was rewound: its record is what later events say again, and its draw may be another. Error: RPC_UNAVAILABLE. */
  async rewind(): Promise<void> {
    this.committee = null;
    this.notDrawnFor = "";
    await this.refresh();
    if (this.slot?.word === NO_WORD) this.saveMemory({ record: EMPTY_RECORD, batches: {}, posted: {} });
  }

  /** Gives up a seat that the chain does not have any more. */
  unseat(): void {
    if (this.seat === null) return;
    this.modules.journal.record({ job: { ...this.seatRow(this.seat), state: "UNSEATED", done: true } });
    this.saveMemory({ place: null });
    this.seat = null;
  }

  /** The only way the seat's state changes: decided, journalled, then visible. */
  advance(event: SeatEvent): void {
    const seat = this.seat;
    if (seat === null) return;
    const next = advanceSeat(seat, event);
    if (next === seat || JSON.stringify(next) === JSON.stringify(seat)) return;
    this.modules.journal.record({ job: this.seatRow(next) });
    this.seat = next;
    if (next.phase !== seat.phase) {
      this.modules.logger.debug("seat.phase", {
        stage: next.stage,
        round: next.round,
        state: next.phase,
        previous: seat.phase,
      });
      this.modules.checkpoint(`phase-${next.phase}`);
      this.onPhase();
    }
  }

  seatRow(state: SeatState) {
    const { jobId, stage, round, phase } = state;
    const data = encodeSeat(state);
    return { jobId, role: "seat" as const, stage, round, state: phase, done: phase === "DONE", deadlineMs: null, data };
  }

  saveMemory(change: Partial<JobMemory>): void {
    const memory = { ...this.memory, ...change };
    this.modules.journal.record({ job: this.memoryRow(memory) });
    this.memory = memory;
  }

  memoryRow(memory: JobMemory = this.memory) {
    return {
      jobId: this.jobId,
      role: "watcher" as const,
      stage: 0,
      round: 0,
      state: this.slot?.state === STATE.NONE ? GONE : this.isOver ? "OVER" : "OPEN",
      done: this.isOver,
      deadlineMs: null,
      data: encodeMemory(memory),
    };
  }

  /** The chain's side as last read, comparable. */
  #print(): string {
    const plain = (_: string, item: unknown) => (typeof item === "bigint" ? String(item) : item);
    return JSON.stringify([this.slot, this.box], plain);
  }

  #close(): void {
    this.advance({ type: "done" });
    this.saveMemory({});
  }
}
