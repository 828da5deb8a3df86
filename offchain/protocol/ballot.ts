// SPDX-License-Identifier: GPL-3.0-or-later
import type { Opening, StageVotes } from "../core/types.ts";
import { commitSet } from "../core/claim.ts";
import { digestBehind, quorum, say } from "../core/vote.ts";
import type { Hex } from "./ports.ts";
import type { SeatCommit, SeatOpening, SeatState } from "./seat-machine.ts";
import { commitmentOf, commitStatement, isSignedBy, revealStatement, type StatementContext } from "./statements.ts";

/** One committee's votes as far as this worker holds them: its own, or an earlier stage's. */
export type Ballot = Pick<SeatState, "stage" | "round" | "signers" | "commits" | "openings" | "inDigest" | "commitSet">;

export const emptyBallot = (stage: number, round: number, signers: readonly Hex[], inDigest: Hex | null): Ballot => ({
  stage,
  round,
  signers,
  inDigest,
  commits: signers.map(() => null),
  openings: signers.map(() => null),
  commitSet: null,
});

/** A commit by this seat's signer. Signature checks cost about 2 ms: callers drop what they already hold first. */
export function isCommitValid(context: StatementContext, ballot: Ballot, seat: number, commit: SeatCommit): boolean {
  const signer = ballot.signers[seat];
  return signer !== undefined && isSignedBy(signer, commitStatement(context, commit.commitment), commit.signature);
}

/**
 * `valid`: opens the seat's held commitment and, if signed, over this ballot's set. `other-set`: it opens the commitment, but the
 * signature is not over our set: one of its members signed two Commits. `invalid`: it opens nothing that is held.
 */
export function judgeOpening(
  context: StatementContext,
  ballot: Ballot,
  seat: number,
  opening: SeatOpening,
): "valid" | "other-set" | "invalid" {
  const signer = ballot.signers[seat];
  const commit = ballot.commits[seat];
  if (signer === undefined || commit === null || commit === undefined || ballot.inDigest === null) return "invalid";
  const claim = { ...opening, inDigest: ballot.inDigest, worker: signer };
  if (commitmentOf(context, claim) !== commit.commitment) return "invalid";
  if (opening.signature === null) return "valid";
  if (ballot.commitSet === null) return "invalid";
  return isSignedBy(signer, revealStatement(context, claim, ballot.commitSet), opening.signature)
    ? "valid"
    : "other-set";
}

/** The set of all commitments, or null while one is missing. */
export function completeSet(ballot: Ballot): Hex | null {
  const commitments = ballot.commits.flatMap((commit) => (commit === null ? [] : [commit.commitment]));
  return commitments.length === ballot.commits.length ? commitSet(commitments) : null;
}

/** The digest that at least `needed` openings of the complete set say, or null. */
export function acceptedDigest(ballot: Ballot, needed: number): Hex | null {
  if (ballot.commitSet === null) return null;
  const pairs = ballot.openings.filter((opening) => opening !== null);
  const counts = new Map<Hex, number>();
  for (const { outDigest, payload } of pairs) {
    const word = say(outDigest, payload);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  for (const [word, count] of counts)
    if (count >= needed && BigInt(word) > 2n) return digestBehind(word, pairs) ?? null;
  return null;
}

/** Ballots of stages in order, up to the first that accepts nothing: the hub takes none behind a stage that it must decide another way. */
export function untilUndecided<T extends Ballot>(ballots: readonly T[]): readonly T[] {
  const at = ballots.findIndex((ballot) => acceptedDigest(ballot, quorum(ballot.signers.length)) === null);
  return at < 0 ? ballots : ballots.slice(0, at + 1);
}

const NOTHING = `0x${"0".repeat(64)}` as const;
const NOT_SUPPLIED = 255;

/** The votes as `submit` and `tally` take them; seats without an opening are 255 (slow path only). */
export function toStageVotes(ballot: Ballot, include: (seat: number) => boolean = () => true): StageVotes {
  const outs: Hex[] = [];
  const payloads: Hex[] = [];
  const seats = ballot.openings.map((opening, seat): Opening => {
    if (opening === null || !include(seat)) return { which: NOT_SUPPLIED, salt: NOTHING, r: NOTHING, vs: NOTHING };
    let which = outs.findIndex((out, i) => out === opening.outDigest && payloads[i] === opening.payload);
    if (which < 0) {
      which = outs.push(opening.outDigest) - 1;
      payloads.push(opening.payload);
    }
    const [r, vs] = splitSignature(opening.signature);
    return { which, salt: opening.salt, r, vs };
  });
  return { outs, payloads, seats };
}

export function splitSignature(signature: Hex | null): [Hex, Hex] {
  if (signature === null) return [NOTHING, NOTHING];
  return [`0x${signature.slice(2, 66)}`, `0x${signature.slice(66)}`];
}
