// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { coreError } from "./core-errors.ts";
import { jobId, recordHash } from "./job.ts";
import type { CommitteeEvidence, Receipt, SeatEvidence } from "./receipt.ts";
import {
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type Deployment,
  type Job,
  type ModelManifest,
  type Opening,
  type Record as JobRecord,
  type StageVotes,
} from "./types.ts";
import { decideVote, say } from "./vote.ts";

/** `Opening.which` of a seat whose opening is not supplied. */
const NOT_SUPPLIED = 255;

/** A seat's place before it did anything. */
export const NO_EVIDENCE: SeatEvidence = {
  signer: ZERO_ADDRESS,
  commitment: ZERO_BYTES32,
  commitR: ZERO_BYTES32,
  commitVs: ZERO_BYTES32,
  opened: false,
  outDigest: ZERO_BYTES32,
  payload: ZERO_BYTES32,
  salt: ZERO_BYTES32,
  revealR: ZERO_BYTES32,
  revealVs: ZERO_BYTES32,
};

function voteOf(votes: StageVotes, opening: Opening): { readonly outDigest: Hex; readonly payload: Hex } | undefined {
  if (opening.which === NOT_SUPPLIED) return undefined;
  const [outDigest, payload] = [votes.outs[opening.which], votes.payloads[opening.which]];
  if (outDigest === undefined || payload === undefined)
    throw coreError("RECEIPT_INVALID", { why: `an opening points at pair ${opening.which}` });
  return { outDigest, payload };
}

/** Evidence from the calldata of `submit`: every seat opened. `signers` in seat order. Error: RECEIPT_INVALID. */
export function fastCommittee(votes: StageVotes, signers: readonly Hex[]): CommitteeEvidence {
  if (signers.length !== votes.seats.length)
    throw coreError("RECEIPT_INVALID", { why: `${signers.length} signers for ${votes.seats.length} openings` });
  const seats = votes.seats.map((opening, i): SeatEvidence => {
    const vote = voteOf(votes, opening);
    if (vote === undefined) throw coreError("RECEIPT_INVALID", { why: `seat ${i} has no opening` });
    const { salt, r: revealR, vs: revealVs } = opening;
    return { ...NO_EVIDENCE, ...vote, signer: signers[i] ?? ZERO_ADDRESS, opened: true, salt, revealR, revealVs };
  });
  return { fast: true, seats };
}

/** The words of one committee, as the hub records them. */
export const saidOf = (votes: StageVotes): readonly Hex[] =>
  votes.seats.map((opening) => {
    const vote = voteOf(votes, opening);
    return vote === undefined ? ZERO_BYTES32 : say(vote.outDigest, vote.payload);
  });

/**
 * The record that one `submit` of all stages leaves behind (round 0, every stage accepted): the hub does not emit it when nobody
 * dissented. `seats`: worker ids of all stages. Error: RECEIPT_INVALID if a stage is not accepted.
 */
export function submittedRecord(seats: readonly number[], votes: readonly StageVotes[]): JobRecord {
  const k = seats.length / votes.length;
  const tallies = votes.map((stageVotes, stage) => ({
    stage,
    round: 0,
    seats: seats.slice(stage * k, (stage + 1) * k),
    said: saidOf(stageVotes),
    challenger: ZERO_ADDRESS,
    bond: 0n,
  }));
  const boundaries = tallies.map(({ said }, stage): Hex => {
    const { accepted } = decideVote(said, stage, 0);
    const stageVotes = votes[stage];
    const which = stageVotes?.outs.findIndex((out, i) => say(out, stageVotes.payloads[i] ?? ZERO_BYTES32) === accepted);
    const digest = stageVotes?.outs[which ?? -1];
    if (digest === undefined) throw coreError("RECEIPT_INVALID", { why: `stage ${stage} is not accepted` });
    return digest;
  });
  return { seats, boundaries, tallies, decided: 0 };
}

export interface SubmittedJob {
  readonly deployment: Deployment;
  readonly job: Job;
  readonly manifest: ModelManifest;
  /** Worker ids of all stages, from `Pinned`. */
  readonly seats: readonly number[];
  /** Their signing addresses. */
  readonly signers: readonly Hex[];
  /** From the calldata of `submit`. */
  readonly votes: readonly StageVotes[];
}

/** Receipt of a job that ended FINAL in one fast-path call. Add `output` and `settlement` where known. */
export function receiptOfSubmission({ deployment, job, manifest, seats, signers, votes }: SubmittedJob): Receipt {
  const record = submittedRecord(seats, votes);
  const k = seats.length / votes.length;
  return {
    ...deployment,
    jobId: jobId(deployment, job),
    job,
    manifest,
    reason: 0,
    record,
    recordHash: recordHash(record),
    outDigest: record.boundaries.at(-1) ?? ZERO_BYTES32,
    committees: votes.map((stageVotes, stage) => fastCommittee(stageVotes, signers.slice(stage * k, (stage + 1) * k))),
    clientClaims: [],
    settlement: [],
    output: "0x",
    outputSalt: "0x",
  };
}
