// SPDX-License-Identifier: GPL-3.0-or-later
import { fastCommittee, receiptOfJob } from "../../offchain/core/build-receipt.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { jobId } from "../../offchain/core/job.ts";
import { bondOf } from "../../offchain/core/settle.ts";
import type { CommitteeEvidence, Receipt } from "../../offchain/core/receipt.ts";
import { ZERO_ADDRESS, ZERO_BYTES32, type Job, type ModelManifest, type Tally } from "../../offchain/core/types.ts";
import { committeeSize, say } from "../../offchain/core/vote.ts";
import { DEPLOYMENT, sampleJob, sampleManifest, sampleVotes, signerOf } from "./sample-receipt.ts";

/** One committee that really signed: everybody in it said `out`, but `dissenters` of them said `other`. */
export interface Sitting {
  readonly stage: number;
  readonly round: number;
  /** What it believed to be the stage's input. */
  readonly inDigest?: Hex;
  readonly out: Hex;
  readonly other?: Hex;
  readonly dissenters?: number;
  /** What the last seat says, if something else again. */
  readonly third?: Hex;
  /** What the stage's probe gave everybody. */
  readonly payload?: Hex;
  /** Seated, but nothing was ever counted. */
  readonly empty?: boolean;
}

export interface History {
  readonly stages: number;
  readonly k: number;
  readonly sittings: readonly Sitting[];
  readonly boundaries: readonly Hex[];
  readonly reason: number;
  /** Signing key of a worker id, if not its own. */
  readonly keyOf?: (worker: number) => number;
  /** If not the sample's. */
  readonly manifest?: ModelManifest;
  readonly job?: Job;
}

/** A receipt with genuine signatures over any history, possible or not. */
export function historyReceipt({
  stages,
  k,
  sittings,
  boundaries,
  reason,
  keyOf = (id) => id,
  ...given
}: History): Receipt {
  const manifest = given.manifest ?? sampleManifest(stages);
  const job = given.job ?? sampleJob(manifest, k);
  const id = jobId(DEPLOYMENT, job);
  const seats = Array.from({ length: stages * k }, (_, i) => i + 1);
  let next = seats.length + 1;
  const committees: CommitteeEvidence[] = [];
  const tallies = sittings.map(
    ({ stage, round, inDigest, out, other = out, dissenters = 0, third, empty, payload = ZERO_BYTES32 }): Tally => {
      const challenger = round === 0 ? ZERO_ADDRESS : signerOf(1);
      const bond = round === 0 ? 0n : bondOf(k, round, job.spec.seatReward);
      if (empty === true) {
        committees.push({ fast: false, seats: [] });
        return { stage, round, seats: [], said: [], challenger, bond };
      }
      const workers =
        round === 0
          ? seats.slice(stage * k, (stage + 1) * k)
          : Array.from({ length: committeeSize(k, round) }, () => next++);
      const outs = workers.map((_, i) => (i < dissenters ? other : i === workers.length - 1 ? (third ?? out) : out));
      const keys = workers.map(keyOf);
      const votes = sampleVotes({
        jobId: id,
        stage,
        round,
        inDigest: inDigest ?? job.spec.inDigest,
        outs,
        workers: keys,
        payload,
      });
      committees.push(fastCommittee(votes, keys.map(signerOf)));
      return { stage, round, seats: workers, said: outs.map((one) => say(one, payload)), challenger, bond };
    },
  );
  const record = { seats, boundaries, tallies, decided: 0 };
  return receiptOfJob({ deployment: DEPLOYMENT, job, manifest, reason, record, committees });
}
