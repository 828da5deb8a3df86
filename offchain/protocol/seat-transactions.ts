// SPDX-License-Identifier: GPL-3.0-or-later
import { hasStandbys } from "../core/standbys.ts";
import { batchCount } from "../core/batch.ts";
import { toHex } from "../core/bytes.ts";
import { CIPHER, type StageInfo } from "../core/types.ts";
import { quorum } from "../core/vote.ts";
import { acceptedDigest, splitSignature, toStageVotes, untilUndecided } from "./ballot.ts";
import { recordAt } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import { challengeBond, jobPoke } from "./job-pokes.ts";
import type { Hex, ProtocolModules, SlotView } from "./ports.ts";
import { isAbstention } from "./said.ts";
import { hasFastVotes, STATE, type SeatAction, type SeatState } from "./seat-machine.ts";
import { chainSet, deliveryOf, sketchBOf, toSketchVotes, type ShownOpening } from "./seat-sketches.ts";
import { SeatCourt } from "./seat-court.ts";
import type { SeatSigning } from "./seat-signing.ts";
import type { SessionBallots } from "./session-ballots.ts";
import { EMPTY_RECORD, type SessionState } from "./session-state.ts";
import type { StageWork } from "./stage-work.ts";

/** Actions that are transactions of this seat. */
export type Transaction = Extract<SeatAction, "submit" | "commit-many" | "commit" | "reveal" | "tally">;
/** Bytes of a PUBLIC result that travel to a consumer's callback. */
const MAX_INLINE_OUTPUT = 4096;
const OUTPUT_PUBLIC = 8;

/** What a seat sends to the hub: the votes of both paths, and the pokes that carry a job on. */
export class SeatTransactions {
  readonly #state: SessionState;
  readonly #ballots: SessionBallots;
  readonly #signing: SeatSigning;
  readonly #work: StageWork;
  readonly #court: SeatCourt;
  readonly #modules: ProtocolModules;

  constructor(state: SessionState, ballots: SessionBallots, signing: SeatSigning, work: StageWork) {
    this.#state = state;
    this.#ballots = ballots;
    this.#signing = signing;
    this.#work = work;
    this.#court = new SeatCourt(state, work);
    this.#modules = state.modules;
  }

  /** The job and its record as the chain stands. Error: RECORD_UNKNOWN when the events seen do not hash to the chain's word. */
  call() {
    const slot = this.#state.slot;
    const record = slot === null ? EMPTY_RECORD : recordAt(slot, this.#state.record);
    if (record === null) throw new ProtocolError("RECORD_UNKNOWN", { job: this.#state.jobId });
    return { jobId: this.#state.jobId, job: this.#state.job, record };
  }

  /** Stage tables travel only for models that are not linear. */
  async #tableArgument(): Promise<readonly StageInfo[]> {
    const model = await this.#modules.chain.model(this.#state.job.spec.modelId);
    return model.linear ? [] : (this.#state.table ?? []);
  }

  #outputArgument(slot: SlotView, seat: SeatState): Hex {
    const bytes = this.#work.output(this.#state.jobId);
    const isPublic = (slot.flags & OUTPUT_PUBLIC) !== 0 && BigInt(this.#state.job.spec.callback) !== 0n;
    const isLast = seat.stage === this.#state.job.spec.stages - 1;
    // A callback of a batch gets the root: there is no one output whose bytes could go with it.
    if (batchCount(this.#state.job.spec.policy.flags) > 0) return "0x";
    const accepted = this.#state.isTolerant
      ? this.#state.record.boundaries[seat.stage]
      : acceptedDigest({ ...seat, commitSet: seat.commitSet ?? "0x" }, quorum(seat.seats.length));
    if (!isPublic || !isLast || bytes === null || bytes.length > MAX_INLINE_OUTPUT) return "0x";
    return accepted === seat.vote?.outDigest ? toHex(bytes) : "0x";
  }

  async transact(action: Transaction, seat: SeatState, slot: SlotView): Promise<void> {
    const { chain, clock, metrics, checkpoint, behaviour } = this.#modules;
    const call = this.call();
    const batch = this.#state.memory.batches[`${seat.stage}/${seat.round}`] ?? [];
    const started = clock.monotonicMs();
    checkpoint(`${action}-sending`);
    switch (action) {
      case "submit": {
        if (this.#state.isTolerant) {
          if (!(await this.#submitSketches(seat))) return;
          break;
        }
        const earlier = this.#ballots.earlierBallots(seat, slot);
        if (earlier === null) return;
        const isOwn = hasFastVotes(seat);
        const ballots = untilUndecided([...earlier, ...(isOwn ? [seat] : [])]);
        if (ballots.length === 0) return;
        const votes = ballots.map((ballot) => toStageVotes(ballot));
        const output = isOwn && ballots.at(-1) === seat ? this.#outputArgument(slot, seat) : "0x";
        await chain.submit({ ...call, table: await this.#tableArgument(), votes, output });
        if (ballots.at(-1) === seat) this.#state.advance({ type: "submitted" });
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
        const opened = this.#signing.opened(seat);
        if (opened === null || behaviour().withholdsReveal) return;
        if (this.#state.isTolerant) {
          await this.#revealSketch(seat, slot, opened, batch);
          break;
        }
        const { outDigest, payload, salt } = opened;
        const table = await this.#tableArgument();
        await chain.reveal({ ...call, table, seat: seat.own, outDigest, payload, salt, batch });
        break;
      }
      case "tally": {
        if (this.#state.isTolerant) {
          if (!(await this.#tallySketches(seat, slot, batch))) return;
          break;
        }
        const posted = this.#postedCommitments(seat, slot);
        const isUsable = (index: number) =>
          posted[index] !== undefined && posted[index] === seat.commits[index]?.commitment;
        const isLate = chain.now() > (this.#state.box?.closedAt || slot.deadline) + this.#state.job.spec.policy.tReveal;
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
    await this.#state.refresh();
  }

  /** False where this seat's output is none that agrees: another's call then delivers. */
  async #submitSketches(seat: SeatState): Promise<boolean> {
    const openings = seat.openings.map((opening) => opening ?? undefined);
    const delivery = deliveryOf(this.#state, seat, openings);
    if (delivery === null) return false;
    const table = this.#state.table ?? [];
    await this.#modules.chain.submitSketches({ ...this.call(), table, votes: toSketchVotes(openings), delivery });
    this.#state.advance({ type: "submitted" });
    return true;
  }

  async #revealSketch(
    seat: SeatState,
    slot: SlotView,
    { outDigest, payload, salt }: { readonly outDigest: Hex; readonly payload: Hex; readonly salt: Hex },
    batch: readonly Hex[],
  ): Promise<void> {
    const extra = sketchBOf(this.#state, seat, chainSet(this.#postedCommitments(seat, slot)));
    const vote = toSketchVotes([{ outDigest, payload, extra, salt, signature: null }]);
    const table = this.#state.table ?? [];
    await this.#modules.chain.revealSketch({ ...this.call(), table, seat: seat.own, vote, batch });
  }

  /** As `#submitSketches`. What seats stored counts; what they only sent does if it is signed over the set on the chain. */
  async #tallySketches(seat: SeatState, slot: SlotView, batch: readonly Hex[]): Promise<boolean> {
    const { revealed } = this.#state.view(slot);
    const shown = this.#state.memory.shown?.[`${seat.stage}/${seat.round}`] ?? {};
    const isSameSet = seat.commitSet === chainSet(this.#postedCommitments(seat, slot));
    const openings = seat.seats.map((_, i): ShownOpening | undefined => {
      const stored = shown[i];
      if (((revealed >>> i) & 1) === 1)
        return stored === undefined ? undefined : { ...stored, payload: stored.a, extra: stored.b, signature: null };
      const sent = seat.openings[i];
      return isSameSet && sent?.signature != null ? sent : undefined;
    });
    const delivery = deliveryOf(this.#state, seat, openings);
    if (delivery === null) return false;
    const table = this.#state.table ?? [];
    const votes = toSketchVotes(openings);
    await this.#modules.chain.tallySketches({ ...this.call(), table, votes, delivery, batch });
    return true;
  }

  /** What each seat is bound to on chain in this round; undefined for absent seats. */
  #postedCommitments(seat: SeatState, slot: SlotView): (Hex | undefined)[] {
    const key = `${seat.stage}/${seat.round}`;
    const batch = [...(this.#state.memory.batches[key] ?? [])];
    const own = this.#state.memory.posted[key] ?? {};
    const { batched } = this.#state.view(slot);
    return seat.seats.map((_, i) => (((batched >>> i) & 1) === 1 ? batch.shift() : own[i]));
  }

  /** Too few came: their seats are filled again while that may be done, else the job ends. */
  async giveUp(slot: SlotView): Promise<void> {
    const { chain } = this.#modules;
    const { job, record } = this.#state;
    const isInTime = chain.now() <= slot.deadline + job.spec.policy.tReveal && chain.now() <= job.spec.expiry;
    return isInTime && hasStandbys(job, record, slot) ? chain.promote(this.call()) : chain.expire(this.call());
  }

  /** Of stages over ciphertexts a referee decides, sooner and for less than a larger committee. */
  #play(slot: SlotView, stage: number, said: Hex): boolean {
    const { disputes } = this.#modules;
    const { jobId, job } = this.#state;
    if (disputes === undefined || (job.spec.policy.mask & CIPHER) === 0) return false;
    if (slot.state === STATE.WINDOW || slot.state === STATE.HUNG) disputes.stand(jobId, job, stage, said);
    return disputes.leads(jobId, stage);
  }

  poke(slot: SlotView): void {
    const { place } = this.#state.memory;
    const seat = this.#state.seat;
    const { chain, behaviour } = this.#modules;
    if (place === null || seat === null || behaviour().isSilent) return;
    const said = seat.vote === null || isAbstention(seat.vote.outDigest) ? null : seat.vote;
    const standing = { ...place, said };
    const isCourt = said !== null && this.#court.wants(slot, standing);
    if (isCourt)
      this.#state.effects.once("court", async () => {
        const waitMs = this.#court.waitMs(seat);
        if (waitMs > 0) return this.#state.effects.delay("court", waitMs);
        await this.#court.bring(seat, said, this.call());
        await this.#state.refresh();
      });
    const isPlayed = said !== null && this.#play(slot, place.stage, said.outDigest);
    const poke = jobPoke(this.#state.job, this.#state.record, slot, standing, chain.now());
    if (poke === null || (poke === "challenge" && (isCourt || isPlayed))) return;
    // An end waits for games, and for verdicts to be brought.
    if (poke !== "challenge" && this.#modules.disputes?.isOpen(this.#state.jobId) === true) return;
    if (poke === "challenge" && !behaviour().mayChallenge) return;
    this.#state.effects.once(poke, async () => {
      if (poke === "settle") await chain.settle({ ...this.call(), output: this.#outputArgument(slot, seat) });
      else if (poke === "expire") await this.giveUp(slot);
      else {
        const bond = challengeBond(this.#state.job, this.#state.record, place.stage);
        if ((await chain.freeBalance()) < bond) {
          this.#modules.logger.error("challenge.unaffordable", { stage: place.stage, amount: bond });
          this.#state.effects.delay(poke, 30_000);
          return;
        }
        await chain.challenge({ ...this.call(), stage: place.stage });
      }
      await this.#state.refresh();
    });
  }
}
