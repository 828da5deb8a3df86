// SPDX-License-Identifier: GPL-3.0-or-later
import { quoteEscrow } from "../../offchain/core/economics.ts";
import { bondOf, pokeDue, settle } from "../../offchain/core/settle.ts";
import { SEAT, type Reason, type SettleSpec } from "../../offchain/core/settle-types.ts";
import { toWord, type Word } from "../../offchain/core/tagged-hash.ts";
import { decideVote, type VoteOutcome } from "../../offchain/core/vote.ts";

/** One seat's reward in wei; the simulation counts in rewards. */
export const REWARD = 1_000_000_000n;
export const FEE_BPS = 200;
const MOST_KEPT = 200_000;

const inRewards = (wei: bigint): number => Number(wei) / Number(REWARD);

export type Tallied = {
  readonly stage: number;
  readonly round: number;
  readonly seats: readonly number[];
  /** Codes of behaviours.ts, one a seat; they are the numbers of words. */
  readonly codes: readonly number[];
};

export type Settled = {
  /** One a seat of all tallies, in order: reward less slash, and the slash alone. */
  readonly net: readonly number[];
  readonly slash: readonly number[];
  readonly rho: readonly number[];
  readonly isWrong: readonly boolean[];
  /** One a tally: what its challenger has back, less its bond. */
  readonly challengers: readonly number[];
  /** What the requester paid and did not have back. */
  readonly cost: number;
  readonly burn: number;
};

/**
 * The protocol's own counting and settlement, asked once for each pattern of votes: neither depends on who the seats are, and
 * most jobs look alike.
 */
export class Settlements {
  readonly spec: SettleSpec;
  readonly #words: Word[] = [];
  readonly #outcomes = new Map<string, VoteOutcome>();
  readonly #settled = new Map<string, Settled>();

  constructor(spec: SettleSpec) {
    this.spec = spec;
  }

  word(code: number): Word {
    return (this.#words[code] ??= toWord(code));
  }

  outcome(codes: readonly number[], stage: number, round: number): VoteOutcome {
    const key = `${stage}/${round}/${codes.join(",")}`;
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    const said = codes.map((code) => this.word(code));
    return keep(this.#outcomes, key, decideVote(said, stage, round));
  }

  /** @param pokes how often somebody was paid for moving the job before its end */
  settled(tallies: readonly Tallied[], boundaries: readonly Word[], reason: Reason, pokes: number): Settled {
    let key = `${reason}/${boundaries.length}/${pokes}`;
    for (const { stage, round, codes } of tallies) key += `|${stage}/${round}/${codes.join(",")}`;
    const known = this.#settled.get(key);
    return known ?? keep(this.#settled, key, this.#settle(tallies, boundaries, reason, pokes));
  }

  #settle(tallies: readonly Tallied[], boundaries: readonly Word[], reason: Reason, pokes: number): Settled {
    const { spec } = this;
    const bond = (round: number) => (round === 0 ? 0n : bondOf(spec.policy.k, round, spec.seatReward));
    const record = {
      boundaries,
      tallies: tallies.map(({ stage, round, seats, codes }) => ({
        stage,
        round,
        seats,
        said: codes.map((code) => this.word(code)),
        bond: bond(round),
      })),
    };
    const whole = quoteEscrow(spec, FEE_BPS);
    let escrow = whole;
    for (let i = 0; i < pokes; i++) escrow -= pokeDue(spec, FEE_BPS, escrow);
    const outcome = { reason, seatsKnown: true, poked: true, feeBps: FEE_BPS };
    const { seats, payments } = settle(spec, record, outcome, escrow);
    return {
      net: seats.map(({ slash }, i) => inRewards((payments.seats[i] ?? 0n) - slash)),
      slash: seats.map(({ slash }) => inRewards(slash)),
      rho: seats.map(({ rho }) => rho),
      isWrong: seats.map(({ kind }) => kind === SEAT.WRONG),
      challengers: payments.challengers.map((back, t) => inRewards(back - (record.tallies[t]?.bond ?? 0n))),
      cost: inRewards(whole - payments.requester),
      burn: inRewards(payments.burn),
    };
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): T {
  if (map.size >= MOST_KEPT) map.clear();
  map.set(key, value);
  return value;
}
