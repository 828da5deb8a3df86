// SPDX-License-Identifier: MIT
import { REASON } from "./settle-types.ts";
import { taggedHash, type Word } from "./tagged-hash.ts";
import { SAID_ABSENT, SAID_ABSTAIN } from "./types.ts";

export type VoteOutcome = {
  readonly verdict: "ACCEPTED" | "HUNG" | "INPUT_UNAVAILABLE" | "UNRESOLVED" | "EXPIRED";
  /** The winning word of `say`; undefined unless accepted. */
  readonly accepted: Word | undefined;
  /** Two distinct digests were said. */
  readonly dissent: boolean;
};

/** The numbers by which contracts name verdicts: VoteRules.sol and the REASON_ constants. */
export const VERDICT_CODES = {
  ACCEPTED: 16,
  HUNG: 17,
  EXPIRED: REASON.EXPIRED,
  INPUT_UNAVAILABLE: REASON.INPUT_UNAVAILABLE,
  UNRESOLVED: REASON.UNRESOLVED,
} as const;

/** Votes needed for a digest among `n` seats: ceil(2n/3). */
export function quorum(n: number): number {
  return Math.floor((2 * n + 2) / 3);
}

/** Seats of an escalation round: k, 2k+1, 4k+3. */
export function committeeSize(k: number, round: number): number {
  return (k + 1) * 2 ** round - 1;
}

export function isReserved(word: Word): boolean {
  return BigInt(word) <= 2n;
}

/**
 * The word a seat says by opening (outDigest, payload): the digest itself without a payload (no probe), else a hash of
 * the pair, so that equality of words is equality of pairs. Reserved outDigests 0, 1 and 2 are abstentions, and so is a
 * vote without payload where the stage has a probe: then a court can be shown the pair behind every word.
 */
export function say(outDigest: Word, payload: Word, probed = false): Word {
  const bare = BigInt(payload) === 0n;
  if (isReserved(outDigest) || (probed && bare)) return SAID_ABSTAIN;
  return bare ? outDigest : taggedHash("assay.v1.said", [outDigest, payload]);
}

/**
 * The outDigest behind a word, of the pairs that seats said. A pair goes before a bare digest: anyone can name the hash
 * that a pair is said as as an outDigest without payload. Undefined if nobody said the word.
 */
export function digestBehind(
  word: Word,
  pairs: readonly { readonly outDigest: Word; readonly payload: Word }[],
): Word | undefined {
  const spellings = pairs.filter(({ outDigest, payload }) => say(outDigest, payload) === word);
  return (spellings.find(({ payload }) => BigInt(payload) !== 0n) ?? spellings[0])?.outDigest;
}

/**
 * The tally of one committee: protocol.md section 3, "Accepted". `said` holds one word a seat, in seat order. From round
 * 1 on every failure is HUNG.
 */
export function decideVote(said: readonly Word[], stage: number, round: number): VoteOutcome {
  const counts = new Map<Word, number>();
  for (const word of said) if (!isReserved(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const dissent = counts.size > 1;
  const q = quorum(said.length);
  for (const [accepted, votes] of counts) if (votes >= q) return { verdict: "ACCEPTED", accepted, dissent };
  const failed = (verdict: VoteOutcome["verdict"]) => ({ verdict, accepted: undefined, dissent });
  if (dissent || round !== 0) return failed("HUNG");
  const abstained = said.filter((word) => word === SAID_ABSTAIN).length;
  if (abstained > said.length - q) return failed(stage === 0 ? "INPUT_UNAVAILABLE" : "UNRESOLVED");
  return failed("EXPIRED");
}

/**
 * The least commitments with which a committee of `n` opens: a quorum. An audit opens once a single auditor is bound beside
 * the primary: accomplices who stay away must not spare a liar its opening.
 */
export function openingQuorum(n: number, audit: boolean): number {
  return audit ? 2 : quorum(n);
}

/** Whether so few committed that the reveal phase never opened; then UNREVEALED only means "committed". */
export function neverOpened(said: readonly Word[], audit = false): boolean {
  return said.filter((word) => word !== SAID_ABSENT).length < openingQuorum(said.length, audit);
}
