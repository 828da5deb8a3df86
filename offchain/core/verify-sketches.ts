// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { toHex, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import type { CommitteeEvidence, SeatEvidence } from "./receipt.ts";
import { tallySketches, withinTau, type SketchTally } from "./sketch.ts";
import { taggedHash } from "./tagged-hash.ts";
import { SAID_ABSENT, SAID_ABSTAIN, SAID_UNREVEALED, ZERO_BYTES32, type Tally } from "./types.ts";
import { isReserved, quorum } from "./vote.ts";

// How the hub counts a stage of class T (HubSketches.sol): a first committee, and at most one that judges it again.

/** Last byte of a first tally's `challenger` where no quorum agreed; else 1 + the seat whose output was delivered. */
const HUNG = 0xff;

/** One committee with what the record holds of it. */
export interface SketchSitting {
  readonly evidence: CommitteeEvidence;
  readonly tally: Tally;
}

/** One committee, counted. */
export interface SketchCount {
  /** What the record must hold for each seat. */
  readonly said: readonly Hex[];
  /** The same before a later committee judged it again. */
  readonly counted: readonly Hex[];
  /** The delivered digest; undefined without a quorum. */
  readonly digest: Hex | undefined;
  /** What does not follow; undefined if nothing. */
  readonly failure: string | undefined;
}

/** The word of a seat that does not agree, or whose committee does not. */
export const sketchedWord = (outDigest: Hex, a: Hex, b: Hex): Hex => taggedHash("assay.v1.sketched", [outDigest, a, b]);

const shows = ({ opened, outDigest }: SeatEvidence): boolean => opened && !isReserved(outDigest);

function wordOf(seat: SeatEvidence, fast: boolean): Hex {
  if (shows(seat)) return sketchedWord(seat.outDigest, seat.payload, seat.extra);
  if (seat.opened) return SAID_ABSTAIN;
  return fast || seat.commitment === ZERO_BYTES32 ? SAID_ABSENT : SAID_UNREVEALED;
}

/**
 * Whose output a first committee delivered, or HUNG: `challenger` holds the top 152 of the low 160 bits of
 * keccak256(abi.encode(A[], B[])), then this mark. Undefined if the sketches are others.
 */
function markOf({ seats }: CommitteeEvidence, { challenger }: Tally): number | undefined {
  const a = seats.map((seat) => (shows(seat) ? seat.payload : ZERO_BYTES32));
  const b = seats.map((seat) => (shows(seat) ? seat.extra : ZERO_BYTES32));
  const hash = BigInt(toHex(keccak256(encodeAbi([{ array: "bytes32" }, { array: "bytes32" }], [a, b]))));
  const have = BigInt(challenger);
  return have >> 8n === (hash % 2n ** 160n) >> 8n ? Number(have & 0xffn) : undefined;
}

interface Judged {
  readonly seats: readonly SeatEvidence[];
  readonly tally: SketchTally;
  readonly isAgreed: boolean;
  readonly words: readonly Hex[];
}

function judge({ seats, fast }: CommitteeEvidence, tau: number): Judged {
  const votes = seats.map((seat) => (shows(seat) ? { a: seat.payload, b: seat.extra } : undefined));
  const tally = tallySketches(votes, tau);
  const isAgreed = tally.agreeing.filter(Boolean).length >= quorum(seats.length);
  return { seats, tally, isAgreed, words: seats.map((seat) => wordOf(seat, fast)) };
}

const agreeOn = ({ tally, words }: Judged, digest: Hex): readonly Hex[] =>
  words.map((word, i) => (tally.agreeing[i] === true ? digest : word));

type FirstCount = SketchCount & { readonly delivered: number };

function countFirst(first: Judged, { evidence, tally }: SketchSitting): FirstCount {
  const mark = markOf(evidence, tally);
  const none = { said: first.words, counted: first.words, digest: undefined, delivered: -1 };
  if (mark === undefined) return { ...none, failure: "its sketches are not those that the record knows" };
  if (!first.isAgreed)
    return { ...none, failure: mark === HUNG ? undefined : "an output was delivered without a quorum" };
  const delivered = mark - 1;
  const digest = first.tally.agreeing[delivered] === true ? first.seats[delivered]?.outDigest : undefined;
  if (digest === undefined) return { ...none, failure: "the delivered output is none that agrees" };
  const counted = agreeOn(first, digest);
  return { said: counted, counted, digest, delivered, failure: undefined };
}

/** What a second committee with a quorum delivers: what stood, if its seat was right, else what the record says, if a seat agreed on it. */
function deliveredBySecond(
  before: FirstCount,
  right: readonly boolean[],
  second: Judged,
  { said }: Tally,
): Hex | undefined {
  if (before.digest !== undefined && right[before.delivered] === true) return before.digest;
  const word = said[second.tally.agreeing.indexOf(true)];
  const isShown = second.seats.some((seat, i) => second.tally.agreeing[i] === true && seat.outDigest === word);
  return isShown ? word : undefined;
}

/**
 * The counts of a stage's committees, in order. A quorum of the second says who of the first was right: whose sketch lies within the
 * tolerance of its median, B of the first against A of the second (they have one seed), or A against A where they show the outputs.
 */
export function countSketches(tau: number, first: SketchSitting, second: SketchSitting | undefined): SketchCount[] {
  const firstJudged = judge(first.evidence, tau);
  const before = countFirst(firstJudged, first);
  if (second === undefined) return [before];
  const secondJudged = judge(second.evidence, tau);
  const { words, isAgreed, tally } = secondJudged;
  const nothing = { said: words, counted: words, digest: undefined, failure: undefined };
  if (!isAgreed) return [before, nothing];
  const isOutput = BigInt(tally.medianB) === 0n;
  const right = firstJudged.seats.map(
    (seat) => shows(seat) && withinTau(isOutput ? seat.payload : seat.extra, tally.medianA, tau),
  );
  const digest = deliveredBySecond(before, right, secondJudged, second.tally);
  if (digest === undefined) return [before, { ...nothing, failure: "the delivered output is none that agrees" }];
  const said = before.counted.map((word, i) => {
    if (right[i] === true) return digest;
    const seat = firstJudged.seats[i];
    return word === digest && seat !== undefined ? sketchedWord(digest, seat.payload, seat.extra) : word;
  });
  const counted = agreeOn(secondJudged, digest);
  return [
    { ...before, said },
    { said: counted, counted, digest, failure: undefined },
  ];
}
