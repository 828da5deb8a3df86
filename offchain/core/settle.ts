// SPDX-License-Identifier: MIT
import {
  COURT_ROUND,
  REASON,
  SEAT,
  type Payments,
  type SettledSeat,
  type SettleOutcome,
  type SettleRecord,
  type SettleSpec,
  type SettleTally,
} from "./settle-types.ts";
import type { Word } from "./tagged-hash.ts";
import { OPTIMISTIC, SAID_ABSENT, SAID_ABSTAIN, SAID_UNREVEALED } from "./types.ts";
import { committeeSize, decideVote, neverOpened } from "./vote.ts";

/** Reputation changes in micro-nats: ln 1.01, ln 0.95, ln 0.8, and the bound ln 10. */
export const RHO = { AGREED: 9_950, ABSENT: -51_293, WRONG: -223_144, LIMIT: 2_302_585 } as const;

/** What stands in each stage after its last tally. */
type Truth = {
  /** Whether a stage has a verdict: the record says so and something stands there. */
  readonly hasVerdict: (stage: number) => boolean;
  readonly agrees: (stage: number, word: Word) => boolean;
  /** What stood in a tally's stage before it; undefined if HUNG, or if a challenge was under way. */
  readonly before: readonly (Word | undefined)[];
};

function truthOf(record: SettleRecord): Truth {
  const standing = new Map<number, Word | undefined>();
  const court = new Map<number, readonly Word[]>();
  const before = record.tallies.map(({ stage, round, said, challenger }) => {
    const earlier = standing.get(stage);
    if (round === COURT_ROUND) court.set(stage, said);
    // What hung is not made a verdict by a later round that judges its seats.
    else standing.set(stage, hung(round, challenger) ? undefined : decideVote(said, stage, round).accepted);
    return earlier;
  });
  return {
    hasVerdict: (stage) => stage < record.boundaries.length && (court.has(stage) || standing.get(stage) !== undefined),
    agrees: (stage, word) => court.get(stage)?.includes(word) ?? standing.get(stage) === word,
    before,
  };
}

/** Class T: the last byte of a round 0 tally's `challenger` (IHubSketches.sol); 0 in class E. */
const hung = (round: number, challenger: Word = "0x"): boolean =>
  round === 0 && challenger.toLowerCase().endsWith("ff");

/** Seats of a tally that was counted; a committee seated for nothing (`said` empty) owes nothing. */
const sat = ({ seats, said }: SettleTally): number => (said.length === seats.length ? seats.length : 0);

/**
 * Step 1 of settlement: what every seat of every tally deserves, in the order of tallies and seats. Slashes are nominal:
 * a vault may hold less. Mirror of SettleLib.offences, where the record's shape at settlement is described.
 */
export function offences(spec: SettleSpec, record: SettleRecord): SettledSeat[] {
  const { seatStake } = spec.policy;
  const truth = truthOf(record);
  return record.tallies.flatMap((tally) => {
    const { stage, seats, said } = tally;
    const audit = isAudit(spec, tally);
    const unopened = neverOpened(said, audit);
    return seats.slice(0, sat(tally)).map((worker, i): SettledSeat => {
      const word = said[i] ?? SAID_ABSENT;
      if (word === SAID_ABSENT)
        return { worker, kind: SEAT.ABSENT, rho: RHO.ABSENT, slash: min(2n * spec.seatReward, seatStake) };
      if (word === SAID_ABSTAIN) return { worker, kind: SEAT.ABSTAINED, rho: 0, slash: 0n };
      // Hiding must not be cheaper than lying: an audited primary that stays silent loses all.
      if (word === SAID_UNREVEALED && !unopened)
        return { worker, kind: SEAT.UNREVEALED, rho: RHO.WRONG, slash: audit && i === 0 ? seatStake : seatStake / 2n };
      if (word === SAID_UNREVEALED || !truth.hasVerdict(stage))
        return { worker, kind: SEAT.UNDECIDED, rho: 0, slash: 0n };
      if (truth.agrees(stage, word)) return { worker, kind: SEAT.AGREED, rho: RHO.AGREED, slash: 0n };
      return { worker, kind: SEAT.WRONG, rho: RHO.WRONG, slash: seatStake };
    });
  });
}

/**
 * Step 2: shares out `escrow` (what is left of it), the record's bonds and the slashes really taken (one a seat of
 * `offences`, at most the nominal one). Mirror of SettleLib.distribute.
 */
export function distribute(
  spec: SettleSpec,
  record: SettleRecord,
  outcome: SettleOutcome,
  seats: readonly SettledSeat[],
  taken: readonly bigint[],
  escrow: bigint,
): Payments {
  const reward = spec.seatReward;
  const truth = truthOf(record);
  const totalTaken = sum(taken);
  const burn = sum(taken.map(burned));
  let slashes = totalTaken - burn;
  const fromSlashes = (due: bigint) => {
    const part = min(slashes, due);
    slashes -= part;
    return part;
  };

  // Rules 1, 3 and 4: round 0 from escrow, escalated seats from slashes, then from their round's bond. In a stage
  // without verdict the escalated seats that came are paid alike: the bond underwrites their work.
  let paid = 0n;
  let next = 0;
  const pay: bigint[] = [];
  const challengers = record.tallies.map((tally) => {
    const mine = seats.slice(next, (next += sat(tally))).map(({ kind }) => {
      return kind === SEAT.AGREED || (kind === SEAT.UNDECIDED && tally.round !== 0) ? reward : 0n;
    });
    for (const one of mine) pay.push(one);
    const due = sum(mine);
    if (tally.round !== 0) return tally.bond - (due - fromSlashes(due));
    paid += due;
    return 0n;
  });

  // Rules 3 to 5: provers and bonds. A challenge won if what stood before it is not what stands at the end.
  const winners = new Set<number>();
  for (const [t, { stage, round }] of record.tallies.entries()) {
    const earlier = truth.before[t];
    if (round === 0 || !truth.hasVerdict(stage)) continue;
    if (earlier !== undefined && truth.agrees(stage, earlier)) continue;
    if (round !== COURT_ROUND) {
      winners.add(t);
      continue;
    }
    const due = proverFee(spec);
    const part = fromSlashes(due);
    const last = record.tallies.findLastIndex((other, e) => e < t && other.stage === stage && other.round !== 0);
    const rest = min(due - part, challengers[last] ?? 0n);
    if (last >= 0) challengers[last] = (challengers[last] ?? 0n) - rest;
    challengers[t] = part + rest;
  }
  let requester = 0n;
  for (const [t, { stage, round }] of record.tallies.entries()) {
    if (round === 0 || round === COURT_ROUND || winners.has(t) || !truth.hasVerdict(stage)) continue;
    requester += challengers[t] ?? 0n;
    challengers[t] = 0n;
  }

  // Rule 3, the rest: 60% to winning challengers in equal parts. If the job EXPIRED, those who came to the stage that
  // failed share the requester's part first, at most a reward each.
  let fees = 0n;
  if (winners.size > 0) {
    const share = (slashes * 60n) / 100n;
    const each = share / BigInt(winners.size);
    for (const t of winners) challengers[t] = (challengers[t] ?? 0n) + each;
    fees += share - each * BigInt(winners.size);
    slashes -= share;
  }
  const came = seats.flatMap(({ kind }, i) => (kind === SEAT.UNDECIDED && pay[i] === 0n ? [i] : []));
  if (outcome.reason === REASON.EXPIRED && came.length > 0) {
    const each = min(reward, slashes / BigInt(came.length));
    for (const i of came) pay[i] = each;
    slashes -= each * BigInt(came.length);
  }
  requester += slashes;

  // Rule 6 and the kill fee: the escrow's rest.
  const fee = (paid * BigInt(outcome.feeBps)) / 10_000n;
  let rest = escrow - paid - fee;
  const poke = outcome.poked ? min(spec.pokeFee, rest) : 0n;
  rest -= poke;
  const closes = outcome.reason !== REASON.FINAL && outcome.seatsKnown;
  const kill = closes ? min(max(killFee(spec) - totalTaken, 0n), rest) : 0n;
  return { seats: pay, challengers, requester: requester + rest - kill, burn, fees: fees + fee + kill, poke };
}

/** Both steps for a vault that holds every nominal slash. */
export function settle(
  spec: SettleSpec,
  record: SettleRecord,
  outcome: SettleOutcome,
  escrow: bigint,
): { readonly seats: readonly SettledSeat[]; readonly payments: Payments } {
  const seats = offences(spec, record);
  const taken = seats.map(({ slash }) => slash);
  return { seats, payments: distribute(spec, record, outcome, seats, taken, escrow) };
}

/**
 * Whom a proof convicts after the end (`lateCourt`): seats of `stage` that were right by the record and said none of `words`,
 * those that stand for the proven digest. Who was slashed at settlement is not slashed again. Mirror of SettleLib.lateLiars.
 */
export function lateLiars(
  spec: SettleSpec,
  record: SettleRecord,
  stage: number,
  words: readonly Word[],
): readonly number[] {
  const seats = offences(spec, record);
  let next = 0;
  return record.tallies.flatMap((tally) =>
    seats.slice(next, (next += sat(tally))).flatMap(({ worker, kind }, i) => {
      const isTrue = words.includes(tally.said[i] ?? SAID_ABSENT);
      return tally.stage === stage && kind === SEAT.AGREED && !isTrue ? [worker] : [];
    }),
  );
}

/** What the prover has of what a late court took; the rest is burned. Mirror of SettleLib.lateFee. */
export function lateFee(spec: SettleSpec, taken: bigint): bigint {
  return min(taken - burned(taken), proverFee(spec));
}

/** What a proof that overrules a vote earns: 2k + 1 rewards, as far as slashes reach. */
export function proverFee({ policy, seatReward }: SettleSpec): bigint {
  return BigInt(committeeSize(policy.k, 1)) * seatReward;
}

/** Whether a tally is an audit's: seat 0 is the primary, bound by its proposal. */
export function isAudit({ policy }: SettleSpec, { round, seats }: Pick<SettleTally, "round" | "seats">): boolean {
  return ((policy.mask ?? 0) & OPTIMISTIC) !== 0 && round === 0 && seats.length > 1;
}

/** The burned part of a slash: half, rounded up. */
export function burned(taken: bigint): bigint {
  return taken - taken / 2n;
}

/** The least bond of an escalation to `round`: 1.25 rewards a seat, rounded up. */
export function bondOf(k: number, round: number, seatReward: bigint): bigint {
  return (5n * BigInt(committeeSize(k, round)) * seatReward + 3n) / 4n;
}

/** 10% of all seat rewards: what a close costs the requester once seats could be known. */
export function killFee(spec: SettleSpec): bigint {
  return (BigInt(spec.stages * spec.policy.k) * spec.seatReward) / 10n;
}

/** What a poke before settlement may take from `escrow` so that seats and fee stay covered. */
export function pokeDue(spec: SettleSpec, feeBps: number, escrow: bigint): bigint {
  const rewards = BigInt(spec.stages * spec.policy.k) * spec.seatReward;
  const reserved = rewards + (rewards * BigInt(feeBps)) / 10_000n;
  return escrow > reserved ? min(spec.pokeFee, escrow - reserved) : 0n;
}

/** Reputation after a change, clamped to +-ln 10 (micro-nats). */
export function addRho(rho: number, change: number): number {
  return Math.max(-RHO.LIMIT, Math.min(RHO.LIMIT, rho + change));
}

/** Whether absences are a habit that jails: at least 3 and more than 15% of all seats. */
export function isHabitual(absent: number, total: number): boolean {
  return absent >= 3 && 100 * absent > 15 * total;
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
