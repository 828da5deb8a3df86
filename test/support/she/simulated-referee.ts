// SPDX-License-Identifier: GPL-3.0-or-later
// CipherReferee and the hub's part of a dispute in memory, rule by rule, with a clock and reorganisations: thousands of moves a second.
import { fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { cipherLeaf, climbPath, wordTreeRoot } from "../../../offchain/core/she/digest.ts";
import { checkCommitment } from "../../../offchain/core/she/cipher-stage.ts";
import { judgeStep } from "../../../offchain/core/she/judge-step.ts";
import { hasCode } from "../../../offchain/core/errors.ts";
import type { Job, Record as JobRecord, StageInfo } from "../../../offchain/core/types.ts";
import { ChainError } from "../../../offchain/adapters/chain/errors.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import type { SlotView } from "../../../offchain/protocol/ports.ts";
import type {
  ChallengerMove,
  DefenderMove,
  GamePlace,
  Posted,
  RefereePort,
  RefereeTerms,
} from "../../../offchain/protocol/referee-ports.ts";
import { STATE } from "../../../offchain/protocol/seat-machine.ts";
import type { TracedStage } from "./traced-run.ts";

interface Defence {
  readonly party: Hex;
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  readonly traceRoot: Hex;
  readonly height: number;
  defeated: boolean;
  running: number;
  bond: bigint;
}

interface Game {
  readonly defence: number;
  readonly challenger: Hex;
  place: GamePlace;
  isOver: boolean;
  defenderMoves: boolean;
  deadline: number;
  bond: bigint;
  node: Hex;
  posted: Posted | null;
}

interface State {
  now: number;
  height: number;
  slot: SlotView;
  record: JobRecord;
  defences: Defence[];
  games: Game[];
  champions: Map<Hex, Hex>;
  tokens: Map<Hex, bigint>;
  allowances: Map<Hex, bigint>;
  owed: Map<Hex, bigint>;
  burned: bigint;
  settled: boolean;
}

export interface SimulatedRules {
  readonly job: Job;
  readonly jobId: Hex;
  readonly table: readonly StageInfo[];
  readonly stage: TracedStage;
  readonly terms: RefereeTerms;
  readonly record: JobRecord;
  /** STATE_WINDOW or STATE_HUNG. */
  readonly state: number;
  readonly confirmations?: number;
}

const revert = (name: string) => new ChainError("REVERTED", { call: "referee", name, args: "" });

/** One job's dispute. Money is counted: what was minted is in tokens, owed, bonds and burned. */
export class SimulatedReferee {
  readonly rules: SimulatedRules;
  state: State;
  /** Calls that were made, in order: "party kind". */
  readonly calls: string[] = [];
  gasMoney = 10n ** 20n;
  gasPrice = 1n;

  constructor(rules: SimulatedRules) {
    this.rules = rules;
    const deadline = 1_000 + rules.terms.minWindow;
    this.state = {
      now: 1_000,
      height: 100,
      slot: {
        state: rules.state,
        stage: 0,
        round: 0,
        flags: 2,
        seedRef: 1,
        deadline,
        tableVersion: 1,
        escrow: 1n,
        word: `0x${"11".repeat(32)}`,
      },
      record: rules.record,
      defences: [],
      games: [],
      champions: new Map(),
      tokens: new Map(),
      allowances: new Map(),
      owed: new Map(),
      burned: 0n,
      settled: false,
    };
  }

  mint(party: Hex, amount: bigint): void {
    add(this.state.tokens, party, amount);
  }

  /** All that is anywhere. */
  get money(): bigint {
    const { tokens, owed, burned, defences, games } = this.state;
    const sum = (values: Iterable<bigint>) => [...values].reduce((a, b) => a + b, 0n);
    const stakes = games.map((game) => (game.isOver ? 0n : game.bond));
    return sum(tokens.values()) + sum(owed.values()) + burned + sum(defences.map(({ bond }) => bond)) + sum(stakes);
  }

  advance(seconds: number): void {
    this.state.now += seconds;
    this.state.height += Math.max(1, Math.ceil(seconds / 12));
  }

  snapshot(): State {
    return structuredClone(this.state);
  }

  /** Blocks are gone; time and height go on. */
  reorganise(to: State): void {
    const { now, height } = this.state;
    this.state = { ...structuredClone(to), now, height };
  }

  verdict(): { outDigest: Hex; winner: Hex | null } | null {
    const { slot, defences, games, now, champions } = this.state;
    if (slot.state !== STATE.WINDOW && slot.state !== STATE.HUNG) return null;
    if (now <= slot.deadline || games.some((game) => this.#runs(game))) return null;
    const [outDigest, ...others] = new Set(defences.flatMap((one) => (one.defeated ? [] : [one.outDigest])));
    if (outDigest === undefined || others.length > 0) return null;
    return { outDigest, winner: champions.get(outDigest) ?? null };
  }

  settle(): void {
    const { slot, now } = this.state;
    const isWaiting =
      this.state.games.some((game) => this.#runs(game)) || (this.verdict() !== null && !this.state.settled);
    if (now <= slot.deadline || isWaiting) throw revert("GameOpen");
    this.state.slot = { ...slot, state: STATE.FINAL, deadline: now };
  }

  #runs(game: Game): boolean {
    return !game.isOver && this.state.defences[game.defence - 1]?.defeated === false;
  }

  #pay(party: Hex, amount: bigint): void {
    const { tokens, allowances } = this.state;
    if ((tokens.get(party) ?? 0n) < amount || (allowances.get(party) ?? 0n) < amount) throw revert("ERC20Insufficient");
    add(tokens, party, -amount);
    add(allowances, party, -amount);
  }

  #checkOpen(until: number): void {
    const { slot, now, record } = this.state;
    if (slot.state !== STATE.WINDOW && slot.state !== STATE.HUNG) throw revert("DisputeInvalid");
    if ((record.decided & 1) === 1) throw revert("DisputeInvalid");
    if (now > until) throw revert("TooLate");
  }

  /** As one account sees and plays it. */
  port(party: Hex): RefereePort {
    const { rules } = this;
    const { job, jobId, terms } = rules;
    const call = (kind: string) => void this.calls.push(`${party} ${kind}`);
    const at = () => this.state;
    const gameOf = (id: bigint): Game => {
      const game = at().games[Number(id) - 1];
      if (game === undefined) throw revert("GameUnknown");
      if (!this.#runs(game)) throw revert("GameEnded");
      return game;
    };
    return {
      party,
      now: () => at().now,
      job: async () => job,
      stageTable: async () => rules.table,
      terms: async () => terms,
      view: async () => {
        const { slot, record, defences, games, height } = at();
        const isThere = slot.state === STATE.WINDOW || slot.state === STATE.HUNG;
        return structuredClone({
          slot,
          record,
          inDigest: isThere ? rules.stage.inDigest : null,
          defences: defences.map((one, i) => ({
            ...one,
            id: BigInt(i + 1),
            isSettled: one.height + (rules.confirmations ?? 0) <= height,
          })),
          games: games.map((game, i) => ({
            id: BigInt(i + 1),
            defence: BigInt(game.defence),
            challenger: game.challenger,
            place: game.isOver ? null : game.place,
            defenderMoves: game.defenderMoves,
            deadline: game.deadline,
            bond: game.bond,
          })),
          verdict: at().settled ? null : this.verdict(),
        });
      },
      posted: async (_, id) => structuredClone(at().games[Number(id) - 1]?.posted ?? null),
      purse: async () => ({
        tokens: at().tokens.get(party) ?? 0n,
        allowance: at().allowances.get(party) ?? 0n,
        gasMoney: this.gasMoney,
        gasPrice: this.gasPrice,
        owed: at().owed.get(party) ?? 0n,
      }),
      approve: async (amount) => void at().allowances.set(party, amount),
      defend: async ({ commitment, facts }) => {
        const { deadline } = at().slot;
        this.#checkOpen(Math.min(deadline - Math.floor(Math.min(terms.minWindow, terms.hung) / 2), job.spec.expiry));
        checkCommitment(facts, commitment, nodeHashes);
        if (at().defences.some((one) => one.party === party)) throw revert("DefendedAlready");
        const bond = job.spec.policy.seatStake;
        this.#pay(party, bond);
        const { outDigest, traceRoot } = commitment;
        at().defences.push({
          party,
          inDigest: rules.stage.inDigest,
          outDigest,
          traceRoot,
          height: at().height,
          defeated: false,
          running: 0,
          bond,
        });
        if (!at().champions.has(outDigest)) at().champions.set(outDigest, party);
        call("defend");
      },
      challenge: async ({ defence }) => {
        this.#checkOpen(Math.min(at().slot.deadline, job.spec.expiry));
        const d = at().defences[Number(defence) - 1];
        if (d === undefined) throw revert("DefenceUnknown");
        if (d.defeated) throw revert("DefenceLost");
        const isPlayed = at().games.some((game) => game.defence === Number(defence) && game.challenger === party);
        if (isPlayed || d.party === party) throw revert("ChallengedAlready");
        this.#pay(party, d.bond);
        d.running += 1;
        at().games.push({
          defence: Number(defence),
          challenger: party,
          place: { phase: "tree", levels: rules.stage.facts.depth, row: 0, coordinate: 0 },
          isOver: false,
          defenderMoves: true,
          deadline: at().now + terms.moveTime,
          bond: d.bond,
          node: d.traceRoot,
          posted: null,
        });
        call("challenge");
      },
      move: async (_, id, move) => {
        const game = gameOf(id);
        const defence = at().defences[game.defence - 1];
        if ((game.defenderMoves ? defence?.party : game.challenger) !== party) throw revert("NotMover");
        if (at().now > game.deadline) throw revert("TooLate");
        this.#play(game, move, defence?.traceRoot ?? jobId);
        call(move.kind);
      },
      timeout: async (_, id) => {
        const game = gameOf(id);
        if (at().now <= game.deadline) throw revert("TooEarly");
        this.#end(game, !game.defenderMoves);
        call("timeout");
      },
      crown: async (_, id) => {
        const d = at().defences[Number(id) - 1];
        if (d === undefined || d.defeated || at().champions.has(d.outDigest)) throw revert("DefendedAlready");
        at().champions.set(d.outDigest, d.party);
        call("crown");
      },
      release: async (_, id) => {
        const d = at().defences[Number(id) - 1];
        if (d === undefined || d.defeated || d.running > 0 || at().slot.state < STATE.FINAL)
          throw revert("StillAtStake");
        add(at().owed, d.party, d.bond);
        d.bond = 0n;
        call("release");
      },
      reclaim: async (_, id) => {
        const game = at().games[Number(id) - 1];
        if (game === undefined || game.isOver || !at().defences[game.defence - 1]?.defeated)
          throw revert("StillAtStake");
        game.isOver = true;
        add(at().owed, game.challenger, game.bond);
        call("reclaim");
      },
      withdraw: async () => {
        const owed = at().owed.get(party) ?? 0n;
        if (owed === 0n) throw revert("NothingOwed");
        at().owed.delete(party);
        add(at().tokens, party, owed);
        call("withdraw");
      },
      court: async ({ ruling }) => {
        const verdict = this.verdict();
        if (at().settled || verdict?.outDigest !== ruling.outDigest || verdict.winner !== ruling.prover)
          throw revert("NoVerdict");
        at().settled = true;
        at().record = { ...at().record, boundaries: [ruling.outDigest], decided: 1 };
        call("court");
      },
    };
  }

  #play(game: Game, move: DefenderMove | ChallengerMove, traceRoot: Hex): void {
    const { place } = game;
    const { facts, inDigest, keySetRoot } = this.rules.stage;
    const isTree = place.phase === "tree" || place.phase === "row";
    const turn = () => {
      game.defenderMoves = !game.defenderMoves;
      game.deadline = this.state.now + this.rules.terms.moveTime;
    };
    switch (move.kind) {
      case "post": {
        const bits = place.phase === "tree" ? Math.min(6, place.levels) : Math.log2(facts.profile.degree / 256);
        const words = move.nodes.map((node) => fromHex(node, 32));
        if (!isTree || !game.defenderMoves || words.length !== 2 ** bits) throw revert("NodesWrong");
        if (toHex(wordTreeRoot(words, nodeHashes)) !== game.node) throw revert("NodesWrong");
        game.posted = move.nodes;
        return turn();
      }
      case "pick": {
        const path = move.path.map((node) => fromHex(node, 32));
        if (!isTree || game.defenderMoves) throw revert("PhaseWrong");
        if (toHex(climbPath(fromHex(move.node, 32), move.index, path, nodeHashes)) !== game.node)
          throw revert("PickWrong");
        game.node = move.node;
        if (place.phase === "row") game.place = { ...place, phase: "chunk", coordinate: 256 * move.index };
        else {
          const step = Math.min(6, place.levels);
          const levels = place.levels - step;
          const row = place.row * 2 ** step + move.index;
          game.place = { phase: levels === 0 ? "row" : "tree", levels, row, coordinate: 0 };
        }
        return turn();
      }
      case "postChunk":
        if (place.phase !== "chunk" || !game.defenderMoves) throw revert("PhaseWrong");
        if (toHex(cipherLeaf(move.chunk, nodeHashes)) !== game.node) throw revert("ChunkWrong");
        game.posted = move.chunk;
        return turn();
      case "pickResidue":
        if (place.phase !== "chunk" || game.defenderMoves) throw revert("PhaseWrong");
        game.place = { ...place, phase: "step", coordinate: place.coordinate + move.index };
        return turn();
      case "proveStep": {
        if (place.phase !== "step" && place.phase !== "row") throw revert("PhaseWrong");
        const { row, coordinate, phase } = place;
        const { node } = game;
        const step = { stage: facts, inDigest, keySetRoot, traceRoot, row, node, coordinate, isRow: phase === "row" };
        try {
          judgeStep(step, move.proof, nodeHashes);
        } catch (error) {
          throw hasCode(error, "STEP_REFUSED") ? revert("StepFalse") : error;
        }
        return this.#end(game, true);
      }
    }
  }

  #end(game: Game, defended: boolean): void {
    const defence = this.state.defences[game.defence - 1];
    if (defence === undefined) return;
    game.isOver = true;
    const { owed } = this.state;
    if (defended) {
      defence.running -= 1;
      add(owed, defence.party, game.bond - game.bond / 2n);
      this.state.burned += game.bond / 2n;
    } else {
      add(owed, game.challenger, game.bond + (defence.bond - defence.bond / 2n));
      this.state.burned += defence.bond / 2n;
      Object.assign(defence, { running: 0, bond: 0n, defeated: true });
      if (this.state.champions.get(defence.outDigest) === defence.party) this.state.champions.delete(defence.outDigest);
    }
  }
}

function add(map: Map<Hex, bigint>, key: Hex, amount: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amount);
}
