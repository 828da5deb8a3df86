// SPDX-License-Identifier: GPL-3.0-or-later
import { hasCode } from "../core/errors.ts";
import { CIPHER, type StageInfo } from "../core/types.ts";
import type { BondPurse } from "./bond-purse.ts";
import {
  advanceParty,
  bondsHeld,
  disputeSteps,
  disputeTimes,
  isCollected,
  ownGames,
  settledIntents,
  standing,
  type DisputeStep,
  type PartyEvent,
  type PartyState,
} from "./dispute-machine.ts";
import type { DisputeModules } from "./dispute-desk.ts";
import { Effects } from "./effects.ts";
import type { Hex } from "./ports.ts";
import type { DisputeView, GameStatus, OpenTrace, RefereeTerms } from "./referee-ports.ts";
import { encodeParty } from "./seat-codec.ts";

/** What it lacks may come: an input that is still under way, tokens, a deeper limit. */
const AGAIN_MS = 10_000;

/** What all disputes of a node share. */
export interface DisputeShared {
  readonly purse: BondPurse;
  readonly atStake: bigint;
  readonly games: number;
}

/** One stage's dispute, as one party plays it. */
export class Dispute {
  readonly #modules: DisputeModules;
  readonly #shared: DisputeShared;
  readonly #effects: Effects;
  readonly #running = new Set<Promise<void>>();
  readonly #traces = new Map<Hex, OpenTrace>();
  /** Own games that ran when last looked at. */
  #played = new Map<bigint, boolean>();
  #state: PartyState;
  #view: DisputeView | null = null;
  #table: readonly StageInfo[] | null = null;
  #terms: RefereeTerms | null = null;
  #isRefused = false;
  #lacksInputs = false;
  #overSince: number | null = null;

  constructor(state: PartyState, modules: DisputeModules, shared: DisputeShared) {
    this.#state = state;
    this.#modules = { ...modules, logger: modules.logger.child({ job: state.jobId, stage: state.stage }) };
    this.#shared = shared;
    this.#save();
    this.#effects = new Effects(this.#modules, {
      view: () => print(this.#view),
      refresh: () => this.#refresh(),
      isOver: () => this.#state.done,
    });
  }

  get state(): PartyState {
    return this.#state;
  }

  get view(): DisputeView | null {
    return this.#view;
  }

  /** Own bonds that the referee holds. */
  get bonds(): number {
    const { party } = this.#modules.referee;
    const held = this.#view?.defences.filter((one) => one.party === party && one.bond > 0n) ?? [];
    return (
      held.length + (this.#view?.games.filter((one) => one.challenger === party && one.place !== null).length ?? 0)
    );
  }

  /** Until it is known that this party cannot decide it here, no larger committee need be asked. */
  get leads(): boolean {
    const { isIrreproducible, job, done } = this.#state;
    if (isIrreproducible || done || this.#isRefused || this.#lacksInputs) return false;
    if (this.#view === null || this.#terms === null) return true;
    const { party } = this.#modules.referee;
    const mine = this.#view.defences.find((one) => one.party === party && one.inDigest === this.#view?.inDigest);
    if (mine !== undefined) return !mine.defeated;
    return this.#modules.referee.now() <= disputeTimes(job, this.#view, this.#terms).defendUntil;
  }

  get isOpen(): boolean {
    const view = this.#view;
    if (view === null || standing(view, this.#state.stage) === undefined) return false;
    return view.verdict !== null || view.defences.some(({ defeated, running }) => !defeated && running > 0);
  }

  /** Looks at the chain, then starts what is due. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    await this.#refresh();
    const [view, terms] = [this.#view, this.#terms];
    if (view === null || terms === null) return;
    const { referee } = this.#modules;
    const now = referee.now();
    const settled = settledIntents(this.#state, view, {
      times: disputeTimes(this.#state.job, view, terms),
      now,
      party: referee.party,
    });
    if (settled.length > 0) this.#advance({ type: "settled", what: settled });
    this.#tellEnds(view);
    const ownOf = (inDigest: Hex) => this.#traces.get(inDigest)?.commitment.outDigest ?? null;
    for (const step of disputeSteps(this.#state, view, { ownOf, party: referee.party, terms, now }))
      this.#start(step, view);
    if (!isCollected(this.#state, view, referee.party)) this.#overSince = null;
    else this.#overSince ??= now;
  }

  /** Nothing of this party is left in the referee, and has not been for a while. */
  isCollected(settleSec: number): boolean {
    return this.#overSince !== null && this.#modules.referee.now() >= this.#overSince + settleSec;
  }

  /** Takes what the referee owes, and forgets the dispute. Errors: RPC_UNAVAILABLE, TRANSACTION_*. */
  async finish(): Promise<void> {
    const { referee, logger } = this.#modules;
    const { owed } = await referee.purse();
    if (owed > 0n) {
      await referee.withdraw();
      logger.info("referee.collected", { amount: owed });
    }
    this.#advance({ type: "done" });
    await this.close();
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async close(): Promise<void> {
    const traces = [...this.#traces.values()];
    this.#traces.clear();
    await Promise.all(traces.map((trace) => trace.close()));
  }

  async #refresh(): Promise<void> {
    const { referee } = this.#modules;
    const { jobId, job, stage } = this.#state;
    this.#table ??= await referee.stageTable(job.spec.modelId);
    this.#terms ??= await referee.terms(job.spec.paramsVersion);
    const view = await referee.view(jobId, job, this.#table, stage);
    if (print(view) !== print(this.#view)) this.#effects.clear();
    this.#view = view;
  }

  /** The only way the state changes: decided, journalled, then visible. */
  #advance(event: PartyEvent): void {
    const next = advanceParty(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    this.#save();
  }

  #save(): void {
    const { jobId, stage, done } = this.#state;
    const data = encodeParty(this.#state);
    const state = done ? "OVER" : "STANDS";
    this.#modules.journal.record({
      job: { jobId, role: "party", stage, round: 0, state, done, deadlineMs: null, data },
    });
  }

  #tellEnds(view: DisputeView): void {
    const { metrics, logger, referee } = this.#modules;
    const running = new Map(ownGames(view, referee.party).map(({ game, defends }) => [game.id, defends]));
    for (const [id, defends] of this.#played) {
      const game = view.games.find((one) => one.id === id);
      if (running.has(id) || game === undefined) continue;
      const fell = view.defences.some((one) => one.id === game.defence && one.defeated);
      const side = defends ? "defender" : "challenger";
      const outcome = game.place !== null ? (defends ? "lost" : "void") : fell === defends ? "lost" : "won";
      metrics.count("assay_referee_ended_total", { side, outcome });
      if (outcome === "lost") logger.error("referee.lost", { role: side, count: Number(id) });
      else logger.info("referee.ended", { role: side, state: outcome, count: Number(id) });
    }
    this.#played = running;
  }

  #start(step: DisputeStep, view: DisputeView): void {
    this.#effects.once(nameOf(step), () => {
      const work = this.#perform(step, view);
      const settled = work.catch(() => undefined).finally(() => this.#running.delete(settled));
      this.#running.add(settled);
      return work;
    });
  }

  async #perform(step: DisputeStep, view: DisputeView): Promise<void> {
    const { referee, checkpoint, logger } = this.#modules;
    const { jobId } = this.#state;
    const call = { jobId, job: this.#state.job, record: view.record };
    const table = this.#table ?? [];
    const { stage } = this.#state;
    switch (step.kind) {
      case "trace":
        return this.#trace(step.inDigest, view);
      case "move":
        return this.#move(step.game, step.defends, view);
      case "timeout":
        await referee.timeout(jobId, step.game);
        return logger.info("referee.timed-out", { count: Number(step.game) });
      case "defend": {
        const trace = view.inDigest === null ? undefined : this.#traces.get(view.inDigest);
        if (trace === undefined) return undefined;
        const { facts, commitment } = trace;
        return this.#stake("defend", step.bond, () => referee.defend({ ...call, table, stage, facts, commitment }));
      }
      case "challenge": {
        const { id } = step.defence;
        return this.#stake(String(id), step.bond, () => referee.challenge({ ...call, defence: id }));
      }
      case "crown":
        return referee.crown(jobId, step.defence);
      case "rule": {
        const { outDigest, winner } = step;
        const ruling = { kind: CIPHER, prover: winner, outDigest, outs: [], payloads: [], evidence: "0x" } as const;
        checkpoint("verdict-sending");
        await referee.court({ ...call, table, stage, ruling });
        return logger.info("referee.ruled", { digest: outDigest });
      }
      case "release":
        return referee.release(jobId, step.defence);
      case "reclaim":
        return referee.reclaim(jobId, step.game);
    }
  }

  /** Evaluates the stage. Where it is not what this worker voted for, its machine is in doubt: nothing is staked. */
  async #trace(inDigest: Hex, view: DisputeView): Promise<void> {
    const { traces, signal, logger, metrics, referee, checkpoint } = this.#modules;
    const { jobId, job, stage, vote } = this.#state;
    const trace = await traces.open({ jobId, job, stage, inDigest, signal });
    this.#lacksInputs = trace === null;
    if (trace === null) {
      logger.warn("referee.inputs-missing");
      return this.#effects.delay("trace", AGAIN_MS);
    }
    const { outDigest, traceRoot } = trace.commitment;
    const committed = view.defences.find((one) => one.party === referee.party && one.inDigest === inDigest);
    const isOther = committed !== undefined && committed.traceRoot !== traceRoot;
    if (!isOther && vote === outDigest) {
      this.#traces.set(inDigest, trace);
      return checkpoint("traced");
    }
    await trace.close();
    logger.error("referee.irreproducible", { digest: outDigest });
    metrics.count("assay_referee_refused_total", { reason: "irreproducible" });
    // What is already at stake may be saved by another try.
    if (bondsHeld(view, referee.party) > 0n) return this.#effects.delay("trace", AGAIN_MS);
    return this.#advance({ type: "irreproducible" });
  }

  async #move(game: GameStatus, defends: boolean, view: DisputeView): Promise<void> {
    const { referee, logger, checkpoint } = this.#modules;
    const defence = view.defences.find(({ id }) => id === game.defence);
    const trace = defence === undefined ? undefined : this.#traces.get(defence.inDigest);
    if (defence === undefined || trace === undefined || game.place === null) return undefined;
    const { jobId, job } = this.#state;
    const facts = { stage: trace.facts, inDigest: defence.inDigest, keySetRoot: job.spec.inputRef };
    const posted = defends ? null : await referee.posted(jobId, game.id);
    if (!defends && posted === null) return this.#effects.delay(`move ${game.id}`, 1_000);
    try {
      const move =
        posted === null ? await trace.defenderMove(game.place) : await trace.challengerMove(game.place, posted);
      checkpoint(`move-${move.kind}`);
      await referee.move(jobId, game.id, move, facts);
      return logger.info("referee.moved", {
        kind: move.kind,
        count: Number(game.id),
        deadlineMs: game.deadline * 1_000,
      });
    } catch (error) {
      if (!hasCode(error, "STEP_REFUSED")) throw error;
      // It agrees with what was shown: a game that should not have been opened.
      logger.error("referee.no-move", { count: Number(game.id), error });
      return this.#effects.delay(`move ${game.id}`, AGAIN_MS);
    }
  }

  /** Gives a bond, once it stands in the journal that it will. */
  async #stake(what: string, amount: bigint, send: () => Promise<void>): Promise<void> {
    const { logger, metrics, checkpoint } = this.#modules;
    const meant = () => this.#state.intents.find((one) => one.what === what)?.amount ?? 0n;
    const refusal = await this.#shared.purse.ask({
      amount,
      // A try that came to nothing is not counted twice.
      atStake: () => this.#shared.atStake - meant(),
      games: () => this.#shared.games + 1,
      give: async () => {
        this.#advance({ type: "bonding", intent: { what, amount } });
        checkpoint("bond-sending");
        try {
          await send();
        } catch (error) {
          // Refused by the contract: nothing was taken. After any other failure it may have been.
          if (hasCode(error, "REVERTED") || hasCode(error, "TRANSACTION_REVERTED"))
            this.#advance({ type: "settled", what: [what] });
          throw error;
        }
        checkpoint("bond-mined");
      },
    });
    const isNew = !this.#isRefused;
    this.#isRefused = refusal !== null;
    if (refusal === null) return logger.info("referee.staked", { name: what, amount });
    // Asked again every few seconds: said once.
    if (isNew) {
      metrics.count("assay_referee_refused_total", { reason: refusal });
      logger.error("referee.unaffordable", { name: what, amount, reason: refusal });
    }
    return this.#effects.delay(what === "defend" ? what : `challenge ${what}`, AGAIN_MS);
  }
}

function nameOf(step: DisputeStep): string {
  switch (step.kind) {
    case "move":
      return `move ${step.game.id}`;
    case "timeout":
    case "reclaim":
      return `${step.kind} ${step.game}`;
    case "challenge":
      return `challenge ${step.defence.id}`;
    case "crown":
    case "release":
      return `${step.kind} ${step.defence}`;
    case "trace":
    case "defend":
    case "rule":
      return step.kind;
  }
}

const print = (view: DisputeView | null): string =>
  JSON.stringify(view, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item));
