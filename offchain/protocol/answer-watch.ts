// SPDX-License-Identifier: GPL-3.0-or-later
import { KIND_PUBLIC, ZERO_BYTES32 } from "../core/types.ts";
import { challengeBond } from "./job-pokes.ts";
import type { Hex, JobCall, ProtocolModules, SlotView } from "./ports.ts";
import { ABSTAIN_REASON, isAbstention, reasonWord } from "./said.ts";
import { STATE, type Vote } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";
import type { StageWork } from "./stage-work.ts";

/** Watchers take turns: one bond is enough; seconds a place. */
const STEP_SEC = 2;
/** A challenge must be mined before the window ends, seconds. */
const MARGIN_SEC = 3;
const BUSY_MS = 500;

/**
 * An answer that stands without an audit, for a candidate that holds the input too: it computes the answer again, twice, and challenges
 * one that is certainly wrong. Nothing is risked on a doubt: where the two runs differ, where numbers are not exact, or where another
 * salt would explain another digest, it holds its peace.
 */
export class AnswerWatch {
  readonly #state: SessionState;
  readonly #work: StageWork;
  readonly #modules: ProtocolModules;
  readonly #call: () => JobCall;
  /** Own verdict on an accepted digest. */
  #verdict: { readonly digest: Hex; readonly isWrong: boolean } | null = null;

  constructor(state: SessionState, parts: { readonly work: StageWork; readonly call: () => JobCall }) {
    this.#state = state;
    this.#modules = state.modules;
    ({ work: this.#work, call: this.#call } = parts);
  }

  /** `rank`: own place among the candidates. The caller knows that the input is here and the record current. */
  tick(slot: SlotView, rank: number): void {
    const digest = this.#checkable(slot);
    if (digest === null) return;
    if (this.#verdict?.digest !== digest) return this.#state.effects.once("watch", () => this.#check(slot, digest));
    const now = this.#modules.chain.now();
    const last = slot.deadline - MARGIN_SEC;
    const from = slot.deadline - this.#state.job.spec.policy.window;
    if (!this.#verdict.isWrong || now > last || now < Math.min(last, from + STEP_SEC * rank)) return;
    this.#state.effects.once("challenge", () => this.#challenge());
  }

  /** The accepted digest of an answer that one operator alone gave, if this worker may judge it. */
  #checkable(slot: SlotView): Hex | null {
    const { record, job, table } = this.#state;
    const { watch, behaviour } = this.#modules;
    const info = table?.[0];
    const [only] = record.tallies;
    const isLone = record.tallies.length === 1 && only?.seats.length === 1 && record.decided === 0;
    if (watch === "off" || !behaviour().mayChallenge || info === undefined) return null;
    if (slot.state !== STATE.WINDOW || !isLone || (slot.flags & 3) === 0) return null;
    // Floats agree within a tolerance, which one machine cannot judge; their stages have no key but a word in its place.
    const isExact = job.spec.policy.cls === 0 && (info.weightsX !== ZERO_BYTES32 || info.weightsY === ZERO_BYTES32);
    // A client that gave this worker another salt than the primary could take its bond.
    if (!isExact || (info.outKind !== KIND_PUBLIC && watch !== "all")) return null;
    return record.boundaries[0] ?? null;
  }

  async #check(slot: SlotView, digest: Hex): Promise<void> {
    const { chain, logger, checkpoint } = this.#modules;
    const { effects, job } = this.#state;
    const { tWork } = job.spec.policy;
    // Paid work first, as long as there is time.
    if (this.#work.load > 0 && chain.now() < slot.deadline - tWork) return effects.delay("watch", BUSY_MS);
    const [first, second] = [await this.#compute(), await this.#compute()];
    // Crowded out by paid work: another moment will do.
    if ([first, second].some(({ payload }) => payload === reasonWord(ABSTAIN_REASON.model)))
      return effects.delay("watch", 4 * BUSY_MS);
    const isSure = !isAbstention(first.outDigest) && first.outDigest === second.outDigest;
    if (!isSure) logger.error("watch.unsure", { digest: first.outDigest });
    const isWrong = isSure && first.outDigest !== digest;
    this.#verdict = { digest, isWrong };
    if (isWrong) logger.warn("watch.disagrees", { digest });
    checkpoint("watched");
  }

  #compute(): Promise<Vote> {
    const { jobId, job, table } = this.#state;
    return this.#work.run(jobId, job.spec, 0, table ?? [], this.#modules.signal);
  }

  async #challenge(): Promise<void> {
    const { chain, logger, checkpoint } = this.#modules;
    const { job, record, effects } = this.#state;
    const bond = challengeBond(job, record, 0);
    if ((await chain.freeBalance()) < bond) {
      logger.error("challenge.unaffordable", { stage: 0, amount: bond });
      return effects.delay("challenge", 30_000);
    }
    checkpoint("challenge-sending");
    await chain.challenge({ ...this.#call(), stage: 0 });
    checkpoint("challenge-mined");
    await this.#state.refresh();
  }
}
