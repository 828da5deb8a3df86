// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { stageInDigest } from "./digest.ts";
import type { Receipt } from "./receipt.ts";
import { COURT_ROUND } from "./settle-types.ts";
import { bondOf } from "./settle.ts";
import {
  PLACE_CLIENT,
  REASON_CANCELLED,
  REASON_EXPIRED,
  REASON_INPUT_UNAVAILABLE,
  REASON_NAMES,
  REASON_UNRESOLVED,
  ZERO_BYTES32,
  type Tally,
} from "./types.ts";
import { checkBindings, checkSize, checkTally, digestOfWord, type CommitteeScope } from "./verify-committee.ts";
import { decideVote, type VoteOutcome } from "./vote.ts";

/** Escalations that a hub grants a stage at most. */
const MAX_ROUND = 2;

/** The job's history replayed: where it stands after the tallies, and what is wrong with each. */
export interface Replay {
  /** Accepted digest of each stage so far; what followed from an overturned stage is gone. */
  readonly boundaries: readonly Hex[];
  readonly bindings: string | undefined;
  readonly tallies: string | undefined;
  /** Of the last committee; undefined if none sat. A committee that was never counted leaves its stage HUNG. */
  readonly verdict: VoteOutcome["verdict"] | undefined;
  /** An inner stage was overturned: the job can only close. */
  readonly overturned: boolean;
}

/** What the hub allows a stage when a committee sits. */
interface Turn {
  readonly round: number;
  readonly first: boolean;
  readonly again: boolean;
}

/** What the hub demands of a committee before it votes. */
function seatingFailure(receipt: Receipt, tally: Tally, turn: Turn): string | undefined {
  const { spec } = receipt.job;
  const { k } = spec.policy;
  if (tally.round === COURT_ROUND) return "a court's ruling needs a proof, which version 1 cannot carry";
  if (tally.round !== turn.round || tally.round > MAX_ROUND) return "rounds are out of order";
  if (!(tally.round === 0 ? turn.first : turn.again)) return "it is not its turn";
  if (tally.round === 0) {
    const own = receipt.record.seats.slice(tally.stage * k, (tally.stage + 1) * k);
    if (own.join() !== tally.seats.join()) return "the seats are not the stage's";
    return tally.bond === 0n && BigInt(tally.challenger) === 0n ? undefined : "nobody challenges round 0";
  }
  if (BigInt(tally.challenger) === 0n) return "nobody challenged";
  const bond = bondOf(k, tally.round, spec.seatReward);
  return tally.bond === bond ? undefined : `a bond of ${tally.bond} instead of ${bond}`;
}

/** Votes are counted as the hub counts them. Error: DIGEST_KIND if a stage has no input yet. */
export function replayRecord(receipt: Receipt, domain: Hex): Replay {
  const { manifest, job, record } = receipt;
  const { k } = job.spec.policy;
  const { stages } = manifest;
  let boundaries: Hex[] = [];
  let [bindings, tallies]: (string | undefined)[] = [];
  let verdict: Replay["verdict"];
  let overturned = false;
  let last = 0;
  /** Client stages have no committee: their claims follow as soon as it is their turn. */
  const passClients = () => {
    for (let next = boundaries.length; stages[next]?.place === PLACE_CLIENT; next = boundaries.length) {
      const claim = receipt.clientClaims.find(({ stage }) => stage === next);
      if (claim === undefined) return;
      boundaries.push(claim.outDigest);
    }
  };
  passClients();
  const rounds = new Map<number, number>();
  for (const [t, tally] of record.tallies.entries()) {
    const { stage, round } = tally;
    const evidence = receipt.committees[t];
    const where = `stage ${stage}, round ${round}`;
    const info = stages[stage];
    if (evidence === undefined || info === undefined || info.place === PLACE_CLIENT) {
      tallies ??= `${where}: there is no such network stage`;
      continue;
    }
    const hung = verdict !== undefined && verdict !== "ACCEPTED";
    const turn = {
      round: (rounds.get(stage) ?? -1) + 1,
      first: !hung && !overturned && boundaries.length === stage,
      // A stage that hangs is the only one that can go on; else any decided one, once nothing is left to do.
      again: hung
        ? verdict === "HUNG" && stage === last
        : (overturned || boundaries.length === stages.length) && stage < boundaries.length,
    };
    const unseated = seatingFailure(receipt, tally, turn);
    if (unseated !== undefined) tallies ??= `${where}: ${unseated}`;
    rounds.set(stage, round);
    last = stage;
    const inDigest = stageInDigest(stages, stage, job.spec.inDigest, boundaries);
    const scope: CommitteeScope = { domain, jobId: receipt.jobId, stage, round, inDigest, k };
    const misshapen = checkSize(scope, evidence, tally);
    if (misshapen !== undefined) {
      tallies ??= `${where}: ${misshapen}`;
      continue;
    }
    const unbound = checkBindings(scope, evidence);
    if (unbound !== undefined) bindings ??= `${where}: ${unbound}`;
    const miscounted = checkTally(evidence, tally);
    if (miscounted !== undefined) tallies ??= `${where}: ${miscounted}`;
    // A committee that was seated but never counted leaves its stage as one that did not agree.
    const decision = tally.seats.length === 0 ? undefined : decideVote(tally.said, stage, round);
    verdict = decision?.verdict ?? "HUNG";
    const digest = decision?.accepted === undefined ? undefined : digestOfWord(evidence, decision.accepted);
    if (digest === undefined) continue;
    if (boundaries[stage] === digest) continue;
    const isNew = stage === boundaries.length;
    boundaries = [...boundaries.slice(0, stage), digest];
    if (isNew) passClients();
    else overturned = boundaries.length < stages.length;
  }
  if (record.decided !== 0) tallies ??= "a court decided a stage, which version 1 cannot carry";
  // The hub truncates the record when it closes a stage that hangs.
  if (verdict === "HUNG") boundaries = boundaries.slice(0, last);
  return { boundaries, bindings, tallies, verdict, overturned };
}

/** Whether the end follows from the votes. */
export function endFailure(receipt: Receipt, { boundaries, verdict, overturned }: Replay): string | undefined {
  const { record, reason, outDigest, job } = receipt;
  for (const [stage, digest] of record.boundaries.entries())
    if (boundaries[stage] !== digest) return `stage ${stage} was not decided for ${digest}`;
  if (record.boundaries.length !== boundaries.length) return `stage ${record.boundaries.length} was decided`;
  const complete = boundaries.length === job.spec.stages;
  if (reason === 0) {
    if (!complete) return "a stage has no accepted digest";
    return record.boundaries.at(-1) === outDigest ? undefined : "the result is not the last stage's digest";
  }
  if (outDigest !== ZERO_BYTES32) return "a closed job has no result";
  if (REASON_NAMES[reason] === undefined) return `unknown reason ${reason}`;
  if (complete) return "every stage was decided: such a job is FINAL";
  if (reason === REASON_CANCELLED && record.seats.length + record.tallies.length > 0)
    return "a cancelled job has no seats";
  if (reason === REASON_INPUT_UNAVAILABLE && verdict !== "INPUT_UNAVAILABLE")
    return "nobody said that the input is missing";
  if (reason === REASON_EXPIRED && verdict !== undefined && verdict !== "EXPIRED")
    return "the last vote did not expire";
  // Too few abstained or came: the hub closes such a vote for that reason and no other.
  if (reason === REASON_UNRESOLVED && (verdict === "INPUT_UNAVAILABLE" || verdict === "EXPIRED"))
    return `the last vote ended ${verdict}`;
  return reason === REASON_UNRESOLVED || !overturned ? undefined : "an overturned job closes UNRESOLVED";
}
