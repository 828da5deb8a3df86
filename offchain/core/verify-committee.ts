// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { commitDigest, commitment, commitSet, revealDigest, type Claim } from "./claim.ts";
import type { CommitteeEvidence, SeatEvidence } from "./receipt.ts";
import { recoverSigner } from "./signature.ts";
import { SAID_ABSENT, SAID_UNREVEALED, ZERO_BYTES32, type Tally } from "./types.ts";
import { committeeSize, digestBehind, say } from "./vote.ts";

/** What a committee's votes are bound to. */
export interface CommitteeScope {
  /** `domainSeparator`. */
  readonly domain: Hex;
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  /** The stage's accepted input when the committee sat. */
  readonly inDigest: Hex;
  readonly k: number;
  /** The stage has a probe: votes without its payload are abstentions. */
  readonly probed: boolean;
  /** The primary of an OPTIMISTIC job alone. */
  readonly lone: boolean;
}

const claimOf = (scope: CommitteeScope, seat: SeatEvidence): Claim => ({
  jobId: scope.jobId,
  stage: scope.stage,
  inDigest: scope.inDigest,
  outDigest: seat.outDigest,
  worker: seat.signer,
});

const commitmentOf = (scope: CommitteeScope, seat: SeatEvidence): Hex =>
  commitment(scope.domain, {
    claim: claimOf(scope, seat),
    round: scope.round,
    payload: seat.payload,
    salt: seat.salt,
  });

function checkFast(scope: CommitteeScope, seats: readonly SeatEvidence[]): string | undefined {
  const set = commitSet(seats.map((seat) => commitmentOf(scope, seat)));
  for (const [i, seat] of seats.entries()) {
    const { payload, extra, revealR: r, revealVs: vs } = seat;
    const reveal = { claim: claimOf(scope, seat), round: scope.round, payload, extra, commitSet: set };
    const signer = recoverSigner(revealDigest(scope.domain, reveal), { r, vs });
    if (signer !== seat.signer) return `seat ${i}: its Reveal is signed by ${signer}, not by ${seat.signer}`;
  }
  return undefined;
}

function checkSlow(scope: CommitteeScope, seats: readonly SeatEvidence[]): string | undefined {
  for (const [i, seat] of seats.entries()) {
    if (seat.commitment === ZERO_BYTES32) continue;
    if (seat.opened && commitmentOf(scope, seat) !== seat.commitment)
      return `seat ${i}: its opening is not what it committed to`;
    // Posted by the seat's own transaction: the chain authenticated it, nothing is left to recover.
    if (seat.commitR === ZERO_BYTES32 && seat.commitVs === ZERO_BYTES32) continue;
    const digest = commitDigest(scope.domain, { ...scope, commitment: seat.commitment });
    const signer = recoverSigner(digest, { r: seat.commitR, vs: seat.commitVs });
    if (signer !== seat.signer) return `seat ${i}: its Commit is signed by ${signer}, not by ${seat.signer}`;
  }
  return undefined;
}

/** Commitments, their set and signatures of one committee. Undefined, or what is wrong. */
export function checkBindings(scope: CommitteeScope, evidence: CommitteeEvidence): string | undefined {
  const signers = evidence.seats.flatMap(({ signer, commitment: made }) =>
    evidence.fast || made !== ZERO_BYTES32 ? [signer] : [],
  );
  if (new Set(signers).size !== signers.length) return "one key sits twice";
  return (evidence.fast ? checkFast : checkSlow)(scope, evidence.seats);
}

const wordOf = (seat: SeatEvidence, fast: boolean, probed: boolean): Hex => {
  if (seat.opened) return say(seat.outDigest, seat.payload, probed);
  return fast || seat.commitment === ZERO_BYTES32 ? SAID_ABSENT : SAID_UNREVEALED;
};

/** Whether a committee has the size of its round: asked before anything is computed from it. Undefined, or what is wrong. */
export function checkSize(scope: CommitteeScope, { seats }: CommitteeEvidence, tally: Tally): string | undefined {
  // A committee that a court's ruling or the job's end overtook: it is recorded empty.
  if (tally.seats.length === 0 && tally.said.length === 0 && seats.length === 0) return undefined;
  const size = scope.lone ? 1 : committeeSize(scope.k, scope.round);
  if (tally.seats.length === size && tally.said.length === size && seats.length === size) return undefined;
  return `it has ${tally.seats.length} seats, ${tally.said.length} words, ${seats.length} openings instead of ${size}`;
}

/** Whether the recorded tally says what the evidence says; sizes are checked already. Undefined, or what is wrong. */
export function checkTally(
  { probed }: CommitteeScope,
  { seats, fast }: CommitteeEvidence,
  tally: Tally,
): string | undefined {
  if (seats.some(({ extra }) => extra !== ZERO_BYTES32)) return "sketches where digests are compared";
  const wrong = seats.findIndex((seat, i) => wordOf(seat, fast, probed) !== tally.said[i]);
  return wrong < 0 ? undefined : `seat ${wrong} is recorded with another word than it said`;
}

/** The digest behind an accepted word. */
export function digestOfWord(evidence: CommitteeEvidence, word: Hex): Hex | undefined {
  return digestBehind(
    word,
    evidence.seats.filter((seat) => seat.opened),
  );
}
