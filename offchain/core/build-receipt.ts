// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { jobId, recordHash } from "./job.ts";
import type { CommitteeEvidence, ProvenTally, Receipt, RefereedTally, SeatEvidence } from "./receipt.ts";
import {
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type Deployment,
  type Job,
  type ModelManifest,
  type Opening,
  type Parent,
  type Record as JobRecord,
  type SketchVotes,
  type StageVotes,
} from "./types.ts";
import { decideVote, digestBehind, say } from "./vote.ts";

/** `Opening.which` of a seat whose opening is not supplied. */
const NOT_SUPPLIED = 255;

/** The committee of a tally that rests on a proof, or that was overtaken before it was counted. */
export const NO_COMMITTEE: CommitteeEvidence = { fast: false, seats: [] };

/** A seat's place before it did anything. */
export const NO_EVIDENCE: SeatEvidence = {
  signer: ZERO_ADDRESS,
  commitment: ZERO_BYTES32,
  commitR: ZERO_BYTES32,
  commitVs: ZERO_BYTES32,
  opened: false,
  outDigest: ZERO_BYTES32,
  payload: ZERO_BYTES32,
  extra: ZERO_BYTES32,
  salt: ZERO_BYTES32,
  revealR: ZERO_BYTES32,
  revealVs: ZERO_BYTES32,
};

function voteOf(votes: StageVotes, opening: Opening): { readonly outDigest: Hex; readonly payload: Hex } | undefined {
  if (opening.which === NOT_SUPPLIED) return undefined;
  const [outDigest, payload] = [votes.outs[opening.which], votes.payloads[opening.which]];
  if (outDigest === undefined || payload === undefined)
    throw new CoreError("RECEIPT_INVALID", { why: `an opening points at pair ${opening.which}` });
  return { outDigest, payload };
}

/** Evidence from the calldata of `submit`: every seat opened. `signers` in seat order. Error: RECEIPT_INVALID. */
export function fastCommittee(votes: StageVotes, signers: readonly Hex[]): CommitteeEvidence {
  if (signers.length !== votes.seats.length)
    throw new CoreError("RECEIPT_INVALID", { why: `${signers.length} signers for ${votes.seats.length} openings` });
  const seats = votes.seats.map((opening, i): SeatEvidence => {
    const vote = voteOf(votes, opening);
    if (vote === undefined) throw new CoreError("RECEIPT_INVALID", { why: `seat ${i} has no opening` });
    const { salt, r: revealR, vs: revealVs } = opening;
    return { ...NO_EVIDENCE, ...vote, signer: signers[i] ?? ZERO_ADDRESS, opened: true, salt, revealR, revealVs };
  });
  return { fast: true, seats };
}

/** Evidence from the calldata of `submitSketches`. `signers` in seat order. Error: RECEIPT_INVALID. */
export function fastSketches(votes: SketchVotes, signers: readonly Hex[]): CommitteeEvidence {
  const { outs, a: payloads, seats } = votes;
  const committee = fastCommittee({ outs, payloads, seats }, signers);
  const extras = seats.map(({ which }) => votes.b[which] ?? ZERO_BYTES32);
  return { ...committee, seats: committee.seats.map((seat, i) => ({ ...seat, extra: extras[i] ?? ZERO_BYTES32 })) };
}

export interface SlowVotes {
  /** Every seat's signing address, in seat order. */
  readonly signers: readonly Hex[];
  /** From `Committed` (no signature) and the calldata of `commitMany`. */
  readonly commits: readonly { readonly seat: number; readonly commitment: Hex; readonly r?: Hex; readonly vs?: Hex }[];
  /** From `Revealed` and the calldata of `tally`: `openingsOf`. */
  readonly openings: readonly SeatOpening[];
}

export interface SeatOpening {
  readonly seat: number;
  readonly outDigest: Hex;
  readonly payload: Hex;
  /** Class T: sketch B. */
  readonly extra?: Hex;
  readonly salt: Hex;
}

/** The openings that the calldata of `tally` supplies. Error: RECEIPT_INVALID. */
export const openingsOf = (votes: StageVotes): readonly SeatOpening[] =>
  votes.seats.flatMap((opening, seat) => {
    const vote = voteOf(votes, opening);
    return vote === undefined ? [] : [{ seat, ...vote, salt: opening.salt }];
  });

/** Evidence of a committee on the slow path. */
export function slowCommittee({ signers, commits, openings }: SlowVotes): CommitteeEvidence {
  const seats = signers.map((signer, i): SeatEvidence => {
    const commit = commits.find(({ seat }) => seat === i);
    if (commit === undefined) return NO_EVIDENCE;
    const { commitment, r: commitR = ZERO_BYTES32, vs: commitVs = ZERO_BYTES32 } = commit;
    const committed = { ...NO_EVIDENCE, signer, commitment, commitR, commitVs };
    const opening = openings.find(({ seat }) => seat === i);
    if (opening === undefined) return committed;
    const { outDigest, payload, extra = ZERO_BYTES32, salt } = opening;
    return { ...committed, opened: true, outDigest, payload, extra, salt };
  });
  return { fast: false, seats };
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
    const pairs = stageVotes?.outs.map((outDigest, i) => ({
      outDigest,
      payload: stageVotes.payloads[i] ?? ZERO_BYTES32,
    }));
    const digest = accepted === undefined ? undefined : digestBehind(accepted, pairs ?? []);
    if (digest === undefined) throw new CoreError("RECEIPT_INVALID", { why: `stage ${stage} is not accepted` });
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

export interface EndedJob {
  readonly deployment: Deployment;
  readonly job: Job;
  readonly manifest: ModelManifest;
  /** 0: FINAL; else the REASON_ of `Closed`. */
  readonly reason: number;
  /** As it stood at the end. */
  readonly record: JobRecord;
  /** One for each of the record's tallies; `seats` empty where the tally's are. */
  readonly committees: readonly CommitteeEvidence[];
  /** One for each tally that rests on a proof; its committee is `NO_COMMITTEE`. */
  readonly proofs?: readonly ProvenTally[];
  /** One for each tally that a referee decided; its committee is `NO_COMMITTEE`. */
  readonly refereed?: readonly RefereedTally[];
  /** Of a joined job, from `JobJoined`. */
  readonly parents?: readonly Parent[];
}

/** Receipt of any ended job. Add `output`, `settlement` and `clientClaims` where known. */
export function receiptOfJob({
  deployment,
  job,
  manifest,
  reason,
  record,
  committees,
  proofs = [],
  refereed = [],
  parents = [],
}: EndedJob): Receipt {
  const { chainId, hub } = deployment;
  return {
    chainId,
    hub,
    jobId: jobId(deployment, job),
    job,
    manifest,
    reason,
    record,
    recordHash: recordHash(record),
    outDigest: reason === 0 ? (record.boundaries.at(-1) ?? ZERO_BYTES32) : ZERO_BYTES32,
    committees,
    proofs,
    enclaves: [],
    schedule: [],
    refereed,
    clientClaims: [],
    parents,
    settlement: [],
    output: "0x",
    outputSalt: "0x",
  };
}

/** Receipt of a job that ended FINAL in one fast-path call. */
export function receiptOfSubmission({ deployment, job, manifest, seats, signers, votes }: SubmittedJob): Receipt {
  const k = seats.length / votes.length;
  const committees = votes.map((one, stage) => fastCommittee(one, signers.slice(stage * k, (stage + 1) * k)));
  return receiptOfJob({ deployment, job, manifest, reason: 0, record: submittedRecord(seats, votes), committees });
}

export interface ProvenJob {
  readonly deployment: Deployment;
  readonly job: Job;
  readonly manifest: ModelManifest;
  /** Worker ids of the candidates, from `Pinned`. */
  readonly seats: readonly number[];
  /** One a stage, in order: worker ids from `Proven`, the rest from the calldata of `submitProofs` and the key registry. */
  readonly stages: readonly (Omit<ProvenTally, "tally"> & {
    readonly workerId: number;
    /** Of a second enclave's worker, from `Seconded`. */
    readonly secondId?: number;
  })[];
}

/** The record of a PROOF job whose first stages were proven: a tally each, of the prover, and of a second enclave's worker if asked for. */
export function provenRecord({ seats, stages }: Pick<ProvenJob, "seats" | "stages">): JobRecord {
  const tallies = stages.map(({ workerId, secondId, outDigest }, stage) => {
    const ids = secondId === undefined ? [workerId] : [workerId, secondId];
    return { stage, round: 0, seats: ids, said: ids.map(() => outDigest), challenger: ZERO_ADDRESS, bond: 0n };
  });
  return { seats, boundaries: stages.map(({ outDigest }) => outDigest), tallies, decided: 0 };
}

/** Receipt of a PROOF job that ended FINAL. */
export function receiptOfProofs({ deployment, job, manifest, seats, stages }: ProvenJob): Receipt {
  const record = provenRecord({ seats, stages });
  const proofs = stages.map(({ worker, outDigest, key, evidence, enclaves }, tally) => ({
    tally,
    worker,
    outDigest,
    key,
    evidence,
    enclaves,
  }));
  const committees = stages.map(() => NO_COMMITTEE);
  return receiptOfJob({ deployment, job, manifest, reason: 0, record, committees, proofs });
}
