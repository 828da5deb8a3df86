// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { stageInDigest } from "./digest.ts";
import { contestedStages, type PastTally } from "./job-steps.ts";
import { jobTable } from "./network-part.ts";
import type { CommitteeEvidence, ProvenTally, Receipt, RefereedTally, SeatEvidence } from "./receipt.ts";
import { COURT_ROUND } from "./settle-types.ts";
import { bondOf } from "./settle.ts";
import { decodeTolerance } from "./sketch.ts";
import { standbyTallies } from "./standbys.ts";
import {
  CIPHER,
  CLASS_T,
  ENCLAVE,
  FLAG_SMALL_POOL,
  NO_PROBE,
  OPTIMISTIC,
  PROOF,
  REASON_CANCELLED,
  REASON_EXPIRED,
  REASON_INPUT_UNAVAILABLE,
  REASON_NAMES,
  REASON_UNRESOLVED,
  VOTE,
  SAID_UNREVEALED,
  ZERO_BYTES32,
  type StageInfo,
  type Tally,
} from "./types.ts";
import { checkBindings, checkSize, checkTally, digestOfWord, type CommitteeScope } from "./verify-committee.ts";
import {
  candidateFailure,
  courtWords,
  readPair,
  readProven,
  rulingFailure,
  type ProvenCase,
  type SignedPair,
} from "./verify-proven.ts";
import { refereedFailure } from "./verify-refereed.ts";
import { countSketches, type SketchSitting } from "./verify-sketches.ts";
import { decideVote, isReserved, quorum, type VoteOutcome } from "./vote.ts";
import type { KeyOpener } from "./zk/verifying-key.ts";

/** Escalations that a hub grants a stage at most. */
const MAX_ROUND = 2;

/** The job's history replayed: where it stands after the tallies, and what is wrong with each. */
export interface Replay {
  /** Accepted digest of each stage so far; what followed from an overturned stage is gone. */
  readonly boundaries: readonly Hex[];
  readonly bindings: string | undefined;
  readonly tallies: string | undefined;
  /** Every proof that was looked at, in order. What follows from a proven digest does not wait for the proof's judgement. */
  readonly proven: readonly ReplayedProof[];
  /** Stages that a referee of ciphertexts decided. */
  readonly refereed: ReadonlySet<number>;
  /** What enclaves signed, a stage each, where the policy asks for them beside proofs. */
  readonly pairs: readonly SignedPair[];
  /** Of the last committee; undefined if none sat. A committee that was never counted leaves its stage HUNG. */
  readonly verdict: VoteOutcome["verdict"] | undefined;
  /** An inner stage was overturned: the job can only close. */
  readonly overturned: boolean;
  /** Why a stage's first committee came to no verdict, if that stage is the next one. */
  readonly abandoned: VoteOutcome["verdict"] | undefined;
  /** Stages that stand even if the job was closed past its expiry: those before the first that nobody could challenge. */
  readonly heard: number;
}

/** Which stage and round it is, in words. */
export type ReplayedProof = ProvenCase & { readonly where: string };

/** Where a job stands while its tallies are replayed. */
interface Standing {
  boundaries: Hex[];
  verdict: VoteOutcome["verdict"] | undefined;
  overturned: boolean;
  /** A stage without a verdict ended the voting: only disputes of those before it follow. */
  abandoned: { readonly stage: number; readonly verdict: VoteOutcome["verdict"] } | undefined;
  /** Every tally so far. */
  readonly past: PastTally[];
  /** Stage of the last tally. */
  last: number;
  /** Last round a stage. */
  readonly rounds: Map<number, number>;
  /** Stages that a court decided. */
  readonly decided: Set<number>;
  readonly refereed: Set<number>;
  readonly proven: ReplayedProof[];
  readonly pairs: SignedPair[];
  /** Tallies of seats that were filled again. */
  readonly standbys: ReadonlySet<number>;
}

/** What is wrong with a tally, under the name of the check that says so. */
interface Fault {
  readonly check: "bindings" | "tallies";
  readonly why: string;
}
const fault = (check: Fault["check"], why: string | undefined): Fault[] => (why === undefined ? [] : [{ check, why }]);

/** One tally with what stands behind it. */
interface Sitting {
  readonly receipt: Receipt;
  readonly domain: Hex;
  readonly open: KeyOpener;
  readonly where: string;
  readonly at: number;
  readonly tally: Tally;
  readonly info: StageInfo;
  readonly evidence: CommitteeEvidence;
  readonly proof: ProvenTally | undefined;
  readonly ruling: RefereedTally | undefined;
}

const bitsOf = (stages: ReadonlySet<number>): number => [...stages].reduce((sum, stage) => sum + 2 ** stage, 0);

/** Whether a stage that has something to dispute may be decided again: it hangs, or nothing else is left to do. */
function isDisputable(standing: Standing, stage: number, { job, manifest }: Receipt): boolean {
  const { boundaries, verdict, overturned, abandoned, last, decided, past } = standing;
  if (decided.has(stage)) return false;
  if (verdict === "HUNG" && stage === last) return true;
  const stands = verdict === "HUNG" ? last : boundaries.length;
  if (verdict === "HUNG" || abandoned !== undefined)
    // A stage that stays undecided ends the voting; what stands is given its window only if somebody was outvoted there.
    return stage < stands && (verdict === "ACCEPTED" || contested(standing, stands, MAX_ROUND).length > 0);
  // In a pool without larger committees dissent leaves a stage to the court.
  const isSmall = (job.spec.policy.flags & FLAG_SMALL_POOL) !== 0;
  if (isSmall && stage === last && past.at(-1)?.round === 0 && past.at(-1)?.dissent) return true;
  return (overturned || boundaries.length === jobTable(manifest).length) && stage < boundaries.length;
}

const contested = ({ past, decided }: Standing, stands: number, round: number): readonly number[] =>
  contestedStages(past, stands, round, bitsOf(decided));

/** Whether it is a stage's turn for its first tally. */
const isNext = ({ boundaries, verdict, overturned, abandoned }: Standing, stage: number): boolean =>
  (verdict === undefined || verdict === "ACCEPTED") &&
  !overturned &&
  abandoned === undefined &&
  boundaries.length === stage;

/** Who disputes an earlier stage found the hung one given up. */
function giveUpHung(standing: Standing, stage: number): void {
  if (standing.verdict !== "HUNG" || stage === standing.last) return;
  standing.boundaries = standing.boundaries.slice(0, standing.last);
  standing.abandoned ??= { stage: standing.last, verdict: "HUNG" };
}

/** Committees decide, at once or where the lottery or a challenge asks for one. */
const isVoted = (mask: number): boolean => (mask & (VOTE | OPTIMISTIC)) !== 0;

/** Proven inside an enclave, and said by a second one of another vendor where k is 2. */
export const isPaired = (mask: number): boolean => mask === (ENCLAVE | PROOF);

/** Several enclaves share the program: each signs its stages, and nobody votes. */
export const isShared = (mask: number): boolean => mask === ENCLAVE;

/** An OPTIMISTIC job's answer that was not audited: its primary alone said it. */
export function isLone({ job }: Pick<Receipt, "job">, { round, seats }: Tally): boolean {
  return (job.spec.policy.mask & OPTIMISTIC) !== 0 && round === 0 && seats.length === 1;
}

/** What the hub demands of a committee before it votes. */
function seatingFailure(receipt: Receipt, tally: Tally, standing: Standing): string | undefined {
  const { spec } = receipt.job;
  const { k } = spec.policy;
  const { stage, round } = tally;
  const due = (standing.rounds.get(stage) ?? -1) + 1;
  if (round !== due || round > MAX_ROUND) return "rounds are out of order";
  const turn = round === 0 ? isNext(standing, stage) : isDisputable(standing, stage, receipt);
  if (!turn) return "it is not its turn";
  if (round === 0) {
    const own = receipt.record.seats.slice(stage * k, isLone(receipt, tally) ? 1 : (stage + 1) * k);
    if (own.join() !== tally.seats.join()) return "the seats are not the stage's";
    // In class T the place tells of sketches (`countSketches`).
    const isUnchallenged = spec.policy.cls === CLASS_T || BigInt(tally.challenger) === 0n;
    return tally.bond === 0n && isUnchallenged ? undefined : "nobody challenges round 0";
  }
  if (BigInt(tally.challenger) === 0n) return "nobody challenged";
  const bond = bondOf(k, round, spec.seatReward);
  return tally.bond === bond ? undefined : `a bond of ${tally.bond} instead of ${bond}`;
}

/** A committee's count: its words, what they decide, and what is wrong with them. */
interface Count {
  readonly decision: Omit<VoteOutcome, "accepted"> | undefined;
  readonly digest: Hex | undefined;
  readonly failure: string | undefined;
}

function countExact(scope: CommitteeScope, { tally, evidence }: Sitting): Count {
  const failure = checkTally(scope, evidence, tally);
  const decision = tally.seats.length === 0 ? undefined : decideVote(tally.said, scope.stage, scope.round);
  const digest = decision?.accepted === undefined ? undefined : digestOfWord(evidence, decision.accepted);
  return { decision, digest, failure };
}

/** Class T: both committees of the stage are needed to say what the record holds of either. */
function countTolerant({ receipt, tally, info, evidence }: Sitting): Count {
  if (tally.seats.length === 0) return { decision: undefined, digest: undefined, failure: undefined };
  const { tallies } = receipt.record;
  const sittingOf = (round: number): SketchSitting | undefined => {
    const at = tallies.findIndex((one) => one.stage === tally.stage && one.round === round && one.seats.length > 0);
    const [found, held] = [tallies[at], receipt.committees[at]];
    return found === undefined || held === undefined ? undefined : { tally: found, evidence: held };
  };
  const first = tally.round === 0 ? { tally, evidence } : sittingOf(0);
  const second = tally.round === 1 ? { tally, evidence } : sittingOf(1);
  if (first === undefined || tally.round > 1)
    return { decision: undefined, digest: undefined, failure: "out of order" };
  const { tau } = decodeTolerance(info.weightsY);
  const count = countSketches(tau, first, second)[tally.round];
  if (count === undefined) return { decision: undefined, digest: undefined, failure: "out of order" };
  const wrong = count.said.findIndex((word, i) => word !== tally.said[i]);
  const failure = wrong < 0 ? undefined : `seat ${wrong} is recorded with another word than it said`;
  return {
    decision: decideVote(count.counted, tally.stage, tally.round),
    digest: count.digest,
    failure: count.failure ?? failure,
  };
}

/** A committee's votes, counted as the hub counts them. */
function replayVotes(sitting: Sitting, standing: Standing): Fault[] {
  const { receipt, domain, tally, evidence } = sitting;
  const { manifest, job } = receipt;
  const { stage, round } = tally;
  const faults = fault("tallies", seatingFailure(receipt, tally, standing));
  giveUpHung(standing, stage);
  standing.rounds.set(stage, round);
  standing.last = stage;
  const inDigest = stageInDigest(jobTable(manifest), stage, job.spec.inDigest, standing.boundaries);
  const probed = jobTable(manifest)[stage]?.probe !== NO_PROBE;
  const lone = isLone(receipt, tally);
  const { k } = job.spec.policy;
  const scope: CommitteeScope = { domain, jobId: receipt.jobId, stage, round, inDigest, k, probed, lone };
  const misshapen = checkSize(scope, evidence, tally);
  if (misshapen !== undefined) return [...faults, ...fault("tallies", misshapen)];
  const { decision, digest, failure } =
    job.spec.policy.cls === CLASS_T ? countTolerant(sitting) : countExact(scope, sitting);
  faults.push(...fault("bindings", checkBindings(scope, evidence)), ...fault("tallies", failure));
  // A proposal is an answer: there is nothing to abstain from.
  const [word = ZERO_BYTES32] = tally.said;
  if (lone && isReserved(word) && word !== SAID_UNREVEALED)
    faults.push(...fault("tallies", "a primary never abstains"));
  // A committee that was seated but never counted leaves its stage as one that did not agree.
  standing.verdict = decision?.verdict ?? "HUNG";
  standing.past.push({ stage, round, dissent: decision?.dissent ?? false });
  if (standing.verdict !== "ACCEPTED" && standing.verdict !== "HUNG")
    standing.abandoned = { stage, verdict: standing.verdict };
  if (digest === undefined || standing.boundaries[stage] === digest) return faults;
  const isNew = stage === standing.boundaries.length;
  standing.boundaries = [...standing.boundaries.slice(0, stage), digest];
  if (!isNew) standing.overturned = standing.boundaries.length < jobTable(manifest).length;
  return faults;
}

/** A stage that was proven: in its turn, or by a court whose word is final. What is out of turn is not even looked at. */
function replayProof(sitting: Sitting, proof: ProvenTally, standing: Standing): Fault[] {
  const { receipt, domain, open, where, at, tally, info } = sitting;
  const { manifest, job, record } = receipt;
  const { stage } = tally;
  const isCourt = tally.round === COURT_ROUND;
  if (isCourt ? !isDisputable(standing, stage, receipt) : !isNext(standing, stage))
    return fault("tallies", "it is not its turn");
  const { mask, k } = job.spec.policy;
  const paired = isPaired(mask);
  if (!paired && proof.enclaves.length > 0) return fault("tallies", "enclaves where none are asked for");
  const sat = receipt.committees.filter((_, t) => t < at && record.tallies[t]?.stage === stage);
  const unfit = isCourt
    ? rulingFailure(info, tally, proof, courtWords(info, proof.outDigest, sat))
    : candidateFailure(record.seats, tally, proof, paired ? k : 1);
  if (unfit !== undefined) return fault("tallies", unfit);
  const inDigest = stageInDigest(jobTable(manifest), stage, job.spec.inDigest, standing.boundaries);
  const scope = { domain, jobId: receipt.jobId, stage, inDigest, info };
  standing.proven.push({ ...readProven(scope, proof, open), where });
  if (paired) standing.pairs.push(readPair(scope, proof, k));
  giveUpHung(standing, stage);
  standing.last = stage;
  standing.verdict = "ACCEPTED";
  if (standing.boundaries[stage] !== proof.outDigest)
    standing.boundaries = [...standing.boundaries.slice(0, stage), proof.outDigest];
  if (isCourt) {
    standing.decided.add(stage);
    // The hub goes on to the window: no stage follows from a digest that no vote of its own accepted.
    standing.overturned = standing.boundaries.length < jobTable(manifest).length;
  }
  return [];
}

/** A stage over ciphertexts that a referee decided: its word is final, as that of a proof is. */
function replayRuling(sitting: Sitting, ruling: RefereedTally, standing: Standing): Fault[] {
  const { receipt, tally, info } = sitting;
  const { manifest, job } = receipt;
  const { stage, said } = tally;
  if (tally.round !== COURT_ROUND || (job.spec.policy.mask & CIPHER) === 0)
    return fault("tallies", "a referee's ruling where none is heard");
  if (!isDisputable(standing, stage, receipt)) return fault("tallies", "it is not its turn");
  const inDigest = stageInDigest(jobTable(manifest), stage, job.spec.inDigest, standing.boundaries);
  const failure = refereedFailure(ruling, tally, { info, inDigest, keySetRoot: job.spec.inputRef });
  if (failure !== undefined) return fault("tallies", failure);
  giveUpHung(standing, stage);
  standing.last = stage;
  standing.verdict = "ACCEPTED";
  standing.refereed.add(stage);
  const [digest = ZERO_BYTES32] = said;
  if (standing.boundaries[stage] !== digest) standing.boundaries = [...standing.boundaries.slice(0, stage), digest];
  standing.decided.add(stage);
  standing.overturned = standing.boundaries.length < jobTable(manifest).length;
  return [];
}

/** A stage that one candidate's enclave signed, in its turn. Whose signature it is, `enclavesFailure` says. */
function replaySigned({ receipt, tally, evidence, proof }: Sitting, standing: Standing): Fault[] {
  const { stage, seats, said, round, bond, challenger } = tally;
  const [[id], [word], [seat]] = [seats, said, evidence.seats];
  if (round !== 0 || !isNext(standing, stage)) return fault("tallies", "it is not its turn");
  const isOne = seats.length === 1 && said.length === 1 && evidence.seats.length === 1 && evidence.fast;
  if (!isOne || proof !== undefined || id === undefined || !receipt.record.seats.includes(id))
    return fault("tallies", "it is not one candidate's");
  if (word === undefined || isReserved(word) || word !== seat?.outDigest)
    return fault("tallies", "it says another digest");
  if (bond !== 0n || BigInt(challenger) !== 0n) return fault("tallies", "nobody challenges round 0");
  standing.last = stage;
  standing.verdict = "ACCEPTED";
  standing.boundaries = [...standing.boundaries, word];
  return [];
}

/** Seats that standbys took over, more than a quorum can miss. Whether their workers really were absent, the chain saw. */
function replayAbsence({ receipt, tally, evidence }: Sitting, standing: Standing): Fault[] {
  const { k } = receipt.job.spec.policy;
  const n = tally.seats.length;
  standing.past.push({ stage: tally.stage, round: 0, dissent: false });
  if (!isNext(standing, tally.stage)) return fault("tallies", "it is not its turn");
  if (n > k || n <= k - quorum(k) || tally.said.length !== n) return fault("tallies", `${n} seats were filled again`);
  if (tally.bond !== 0n || BigInt(tally.challenger) !== 0n) return fault("tallies", "nobody challenges round 0");
  const isBare = evidence.seats.length === n && !evidence.fast && evidence.seats.every(isNoEvidence);
  return fault("tallies", isBare ? undefined : "an absent seat has evidence");
}

const isNoEvidence = ({ opened, commitment }: SeatEvidence): boolean => !opened && commitment === ZERO_BYTES32;

function replayTally(sitting: Sitting, standing: Standing): Fault[] {
  const { receipt, tally, proof, ruling } = sitting;
  if (ruling !== undefined) return replayRuling(sitting, ruling, standing);
  if (standing.standbys.has(sitting.at) && proof === undefined) return replayAbsence(sitting, standing);
  if (isShared(receipt.job.spec.policy.mask)) return replaySigned(sitting, standing);
  const votes = isVoted(receipt.job.spec.policy.mask);
  if (!votes && tally.round !== 0) return fault("tallies", "what was proven is not voted on, nor judged by a court");
  const proven = !votes || tally.round === COURT_ROUND;
  if (proven && proof === undefined) return fault("tallies", "its proof is missing");
  if (!proven && proof !== undefined) return fault("tallies", "a proof where seats vote");
  return proof === undefined ? replayVotes(sitting, standing) : replayProof(sitting, proof, standing);
}

/** Votes are counted, proofs put together, as the hub does. Error: DIGEST_KIND if a stage has no input yet. */
export function replayRecord(receipt: Receipt, domain: Hex, open: KeyOpener): Replay {
  const { manifest, record } = receipt;
  const stages = jobTable(manifest);
  const standing: Standing = {
    boundaries: [],
    verdict: undefined,
    overturned: false,
    abandoned: undefined,
    past: [],
    last: 0,
    rounds: new Map(),
    decided: new Set(),
    refereed: new Set(),
    proven: [],
    pairs: [],
    standbys: standbyTallies(receipt.job, record),
  };
  const proofs = new Map(receipt.proofs.map((proof) => [proof.tally, proof]));
  const rulings = new Map(receipt.refereed.map((ruling) => [ruling.tally, ruling]));
  const found: { [check in Fault["check"]]?: string } = {};
  for (const [at, tally] of record.tallies.entries()) {
    const { stage, round } = tally;
    const where = `stage ${stage}, ${round === COURT_ROUND ? "court" : `round ${round}`}`;
    const evidence = receipt.committees[at];
    const info = stages[stage];
    const faults =
      evidence === undefined || info === undefined
        ? fault("tallies", "there is no such network stage")
        : replayTally(
            { receipt, domain, open, where, at, tally, info, evidence, proof: proofs.get(at), ruling: rulings.get(at) },
            standing,
          );
    for (const { check, why } of faults) found[check] ??= `${where}: ${why}`;
  }
  const bits = bitsOf(standing.decided);
  if (record.decided !== bits) found.tallies ??= `courts decided ${bits}, the record says ${record.decided}`;
  const { verdict, overturned, abandoned, last, proven, pairs } = standing;
  // The hub truncates the record when it closes a stage that hangs.
  const boundaries = verdict === "HUNG" ? standing.boundaries.slice(0, last) : standing.boundaries;
  return {
    boundaries,
    abandoned: abandoned?.stage === boundaries.length ? abandoned.verdict : undefined,
    heard: contested(standing, boundaries.length, 1)[0] ?? boundaries.length,
    bindings: found.bindings,
    tallies: found.tallies,
    proven,
    refereed: standing.refereed,
    pairs,
    verdict,
    overturned,
  };
}

/** Whether the end follows from votes and proofs. */
export function endFailure(receipt: Receipt, replay: Replay): string | undefined {
  const { boundaries, verdict, overturned, abandoned, heard } = replay;
  const { record, reason, outDigest, job } = receipt;
  for (const [stage, digest] of record.boundaries.entries())
    if (boundaries[stage] !== digest) return `stage ${stage} was not decided for ${digest}`;
  // Whether it ended past its expiry, or in a pool without larger committees, is not told: what nobody could challenge may
  // then be left out of a job that closes.
  const isUnheard = record.boundaries.length === heard && (reason === REASON_EXPIRED || reason === REASON_UNRESOLVED);
  if (record.boundaries.length !== boundaries.length && !isUnheard)
    return `stage ${record.boundaries.length} was decided`;
  const complete = record.boundaries.length === job.spec.stages;
  if (reason === 0) {
    if (!complete) return "a stage has no accepted digest";
    return record.boundaries.at(-1) === outDigest ? undefined : "the result is not the last stage's digest";
  }
  if (outDigest !== ZERO_BYTES32) return "a closed job has no result";
  if (REASON_NAMES[reason] === undefined) return `unknown reason ${reason}`;
  if (complete) return "every stage was decided: such a job is FINAL";
  if (reason === REASON_CANCELLED && record.seats.length + record.tallies.length > 0)
    return "a cancelled job has no seats";
  if (reason === REASON_INPUT_UNAVAILABLE && abandoned !== "INPUT_UNAVAILABLE")
    return "nobody said that the input is missing";
  // Nobody owes a proof: a job that waits for one just runs out of time.
  const votes = isVoted(job.spec.policy.mask);
  if (reason === REASON_EXPIRED && votes && verdict !== undefined && abandoned !== "EXPIRED")
    return "the last vote did not expire";
  // Too few abstained or came: the hub closes such a vote for that reason and no other.
  if (reason === REASON_UNRESOLVED && (abandoned === "INPUT_UNAVAILABLE" || abandoned === "EXPIRED"))
    return `the last vote ended ${abandoned}`;
  if (reason === REASON_UNRESOLVED || abandoned !== undefined) return undefined;
  return overturned ? "an overturned job closes UNRESOLVED" : undefined;
}
