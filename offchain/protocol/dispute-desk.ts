// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Journal } from "../core/ports/journal.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Metrics } from "../core/ports/metrics.ts";
import type { Job } from "../core/types.ts";
import { BondPurse } from "./bond-purse.ts";
import { Dispute } from "./dispute.ts";
import { bondsHeld, bondsMeant, newParty, ownGames } from "./dispute-machine.ts";
import type { Hex } from "./ports.ts";
import type { DisputePort, RefereePort, TracePort } from "./referee-ports.ts";
import { decodeParty } from "./seat-codec.ts";

export interface DisputeDeskOptions {
  /** The most that may be in the referee at once, wei; 0: plays no games. */
  readonly bondLimit: bigint;
  /** How often the chain is looked at while there are disputes, milliseconds. */
  readonly tickMs: number;
  /** A job must have been over this long, chain seconds, before its dispute is forgotten: its end may be reorganised away. */
  readonly settleSec: number;
  /** Newest block, where somebody else follows the chain: nothing is looked at twice for one. */
  readonly head?: () => bigint | null;
}

/** The chain is looked at again without a new block after this long: something may have failed. */
const STALE_MS = 5_000;

export interface DisputeModules {
  readonly referee: RefereePort;
  readonly traces: TracePort;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** Named points of the journal; development crash tests stop the process here. */
  readonly checkpoint: (step: string) => void;
}

/**
 * Disputes about ciphertexts that this node takes part in: as a seat that stands for its vote, or as a volunteer that stands for what it found. What
 * the chain shows decides what is done; the journal keeps which disputes there are and which bonds were about to be given.
 */
export class DisputeDesk implements DisputePort {
  readonly #options: DisputeDeskOptions;
  readonly #modules: DisputeModules;
  readonly #purse: BondPurse;
  readonly #disputes = new Map<string, Dispute>();
  #tick: Promise<void> | null = null;

  constructor(options: DisputeDeskOptions, modules: DisputeModules) {
    this.#options = options;
    this.#modules = modules;
    this.#purse = new BondPurse(options.bondLimit, modules.referee);
  }

  get disputes(): readonly Dispute[] {
    return [...this.#disputes.values()];
  }

  /** Takes up the journal's open disputes. */
  restore(): void {
    for (const row of this.#modules.journal.openJobs())
      if (row.role === "party") this.#add(new Dispute(decodeParty(row.data), this.#modules, this));
  }

  stand(jobId: Hex, job: Job, stage: number, vote: Hex): void {
    if (this.#options.bondLimit === 0n || this.#disputes.has(keyOf(jobId, stage))) return;
    const row = this.#modules.journal.job({ jobId, role: "party", stage, round: 0 });
    if (row?.done !== true) this.#add(new Dispute(newParty(jobId, job, stage, vote), this.#modules, this));
  }

  leads(jobId: Hex, stage: number): boolean {
    return this.#disputes.get(keyOf(jobId, stage))?.leads ?? false;
  }

  isOpen(jobId: Hex): boolean {
    return this.disputes.some((one) => one.state.jobId === jobId && one.isOpen);
  }

  /** Own bonds in the referee and those about to be given, wei. */
  get atStake(): bigint {
    const { party } = this.#modules.referee;
    return this.disputes.reduce(
      (sum, { state, view }) => sum + bondsMeant(state) + (view === null ? 0n : bondsHeld(view, party)),
      0n,
    );
  }

  /** Games that run or are about to. */
  get games(): number {
    const { party } = this.#modules.referee;
    const running = this.disputes.flatMap(({ view }) => (view === null ? [] : ownGames(view, party)));
    return running.length + this.disputes.reduce((sum, { state }) => sum + state.intents.length, 0);
  }

  get purse(): BondPurse {
    return this.#purse;
  }

  /** Looks at the chain and does what is due; one look at a time. */
  tick(): Promise<void> {
    this.#tick ??= this.#look().finally(() => {
      this.#tick = null;
    });
    return this.#tick;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#modules;
    const { head: newest = () => null, tickMs } = this.#options;
    let [seen, at]: [bigint | null, number] = [null, -STALE_MS];
    while (!signal.aborted) {
      const head = newest();
      if (head === null || head !== seen || clock.monotonicMs() - at >= STALE_MS) {
        [seen, at] = [head, clock.monotonicMs()];
        await this.tick();
      }
      await clock.sleep(tickMs, signal).catch(() => undefined);
    }
  }

  /** Resolves when nothing that was begun is under way. For orderly ends, and tests. */
  async idle(): Promise<void> {
    await Promise.all(this.disputes.map((one) => one.idle()));
  }

  async close(): Promise<void> {
    await Promise.all(this.disputes.map((one) => one.close()));
  }

  async #look(): Promise<void> {
    await Promise.all(this.disputes.map((one) => this.#lookAt(one)));
    this.#measure();
  }

  async #lookAt(dispute: Dispute): Promise<void> {
    try {
      await dispute.tick();
      if (!dispute.isCollected(this.#options.settleSec)) return;
      await dispute.finish();
      this.#disputes.delete(keyOf(dispute.state.jobId, dispute.state.stage));
    } catch (error) {
      if (this.#modules.signal.aborted) return;
      const { jobId, stage } = dispute.state;
      const code = isAssayError(error) ? { code: error.code } : {};
      this.#modules.logger.warn("referee.look-failed", { job: jobId, stage, error, ...code });
    }
  }

  #measure(): void {
    const { metrics, referee } = this.#modules;
    const own = this.disputes.flatMap(({ view }) => (view === null ? [] : ownGames(view, referee.party)));
    const sides = { defender: own.filter(({ defends }) => defends), challenger: own.filter(({ defends }) => !defends) };
    for (const side of ["defender", "challenger"] as const)
      metrics.set("assay_referee_games_count", { side }, sides[side].length);
    const held = this.disputes.reduce((sum, one) => sum + one.bonds, 0);
    metrics.set("assay_referee_bonds_count", {}, held);
    const due = own.filter(({ isDue }) => isDue).map(({ game }) => game.deadline - referee.now());
    metrics.set("assay_referee_slack_seconds", {}, due.length === 0 ? -1 : Math.max(0, Math.min(...due)));
  }

  #add(dispute: Dispute): void {
    this.#disputes.set(keyOf(dispute.state.jobId, dispute.state.stage), dispute);
  }
}

const keyOf = (jobId: Hex, stage: number) => `${jobId}/${stage}`;
