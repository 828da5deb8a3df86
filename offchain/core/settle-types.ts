// SPDX-License-Identifier: MIT
import type { Word } from "./tagged-hash.ts";
import { REASON_CANCELLED, REASON_EXPIRED, REASON_INPUT_UNAVAILABLE, REASON_UNRESOLVED } from "./types.ts";

/** Why a job ended: 0 FINAL, else a REASON_ constant. */
export const REASON = {
  FINAL: 0,
  CANCELLED: REASON_CANCELLED,
  EXPIRED: REASON_EXPIRED,
  INPUT_UNAVAILABLE: REASON_INPUT_UNAVAILABLE,
  UNRESOLVED: REASON_UNRESOLVED,
} as const;
export type Reason = (typeof REASON)[keyof typeof REASON];

/** `Tally.round` of a court's ruling; see SettleLib.sol. */
export const COURT_ROUND = 0xff;

/** The part of a Spec that settlement reads; amounts in wei. */
export type SettleSpec = {
  readonly stages: number;
  readonly seatReward: bigint;
  readonly pokeFee: bigint;
  /** `mask` decides whether the first tally may be an audit; without it a job is voted on. */
  readonly policy: { readonly k: number; readonly seatStake: bigint; readonly mask?: number };
};

/** The part of a Tally that settlement reads. */
export type SettleTally = {
  readonly stage: number;
  readonly round: number;
  readonly seats: readonly number[];
  readonly said: readonly Word[];
  readonly bond: bigint;
  /** Round 0 of class T: a fingerprint whose last byte is 255 if the stage hung. */
  readonly challenger?: Word;
};

/** The part of a Record that settlement reads: one boundary for each stage that has a verdict. OPTIMISTIC: the first tally is the primary's alone, or that of an audit, whose seat 0 is the primary. */
export type SettleRecord = { readonly boundaries: readonly Word[]; readonly tallies: readonly SettleTally[] };

/** Kinds of seats; 1 to 3 are also the vault's offences. */
export const SEAT = { UNDECIDED: 0, WRONG: 1, UNREVEALED: 2, ABSENT: 3, AGREED: 6, ABSTAINED: 7 } as const;
export type SeatKind = (typeof SEAT)[keyof typeof SEAT];

/** The vault's offences, as in Slashed events. */
export const OFFENCE = { WRONG: 1, UNREVEALED: 2, ABSENT: 3, EQUIVOCATION: 4, BEACON: 5 } as const;

export type SettledSeat = {
  readonly worker: number;
  readonly kind: SeatKind;
  /** Change of reputation in micro-nats. */
  readonly rho: number;
  /** Nominal slash, at most the seat's stake. */
  readonly slash: bigint;
};

export type SettleOutcome = {
  readonly reason: Reason;
  /** The seed's fixed block has passed: closing now is not free. */
  readonly seatsKnown: boolean;
  /** The sender of this call earns the poke fee. */
  readonly poked: boolean;
  readonly feeBps: number;
};

/** sum(seats) + sum(challengers) + requester + burn + fees + poke = escrow + sum(bonds) + sum(taken) */
export type Payments = {
  /** One a seat, in the order of `offences`. */
  readonly seats: readonly bigint[];
  /** One a tally: bond and reward of its challenger, or its prover's fee. */
  readonly challengers: readonly bigint[];
  readonly requester: bigint;
  readonly burn: bigint;
  readonly fees: bigint;
  readonly poke: bigint;
};
