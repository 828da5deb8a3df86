// SPDX-License-Identifier: GPL-3.0-or-later
import { NO_EVIDENCE, receiptOfSubmission } from "../../offchain/core/build-receipt.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { commitDigest, commitment, commitSet, revealDigest, type Claim } from "../../offchain/core/claim.ts";
import { blindedDigest, publicDigest, stageInDigest } from "../../offchain/core/digest.ts";
import { quoteEscrow } from "../../offchain/core/economics.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { jobId, recordHash } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { CommitteeEvidence, Receipt, SeatEvidence } from "../../offchain/core/receipt.ts";
import { distribute, offences } from "../../offchain/core/settle.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import {
  KIND_BLINDED,
  KIND_PUBLIC,
  NO_PROBE,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  VOTE,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type Job,
  type ModelManifest,
  type Opening,
  type Record as JobRecord,
  type StageVotes,
} from "../../offchain/core/types.ts";
import { committeeSize, say } from "../../offchain/core/vote.ts";
import { bytesOf } from "./deterministic.ts";

export const DEPLOYMENT = { chainId: 31337n, hub: "0x5fbdb2315678afecb367f032d93f642f64180aa3" } as const;
export const DOMAIN = domainSeparator(DEPLOYMENT);
export const hashOf = (name: string): Hex => toHex(bytesOf(name));
export const keyOf = (worker: number): Uint8Array => bytesOf(`worker ${worker}`);
export const signerOf = (worker: number): Hex => addressOfKey(keyOf(worker));

const OUTPUT = encodeTensor({ dtype: "i8", dims: [1, 10], data: Int8Array.of(-7, 3, 90, 0, 1, -127, 127, 12, 5, 6) });
const OUTPUT_SALT = bytesOf("output salt");
export const OUT_DIGEST = blindedDigest(OUTPUT, OUTPUT_SALT);

export function sampleManifest(stages: number): ModelManifest {
  return {
    name: "digits-cnn",
    programRoot: hashOf("program"),
    stages: Array.from({ length: stages }, (_, stage) => ({
      place: PLACE_NETWORK,
      inKind: stage === 0 ? KIND_PUBLIC : KIND_BLINDED,
      outKind: KIND_BLINDED,
      probe: NO_PROBE,
      kernel: hashOf(`kernel ${stage}`),
      keyId: ZERO_BYTES32,
      weightsX: ZERO_BYTES32,
      weightsY: ZERO_BYTES32,
      producers: [stage === 0 ? PRODUCER_INPUT : stage - 1],
    })),
    acceptedMasks: 1 << VOTE,
    workUnits: 1000n,
    weightsHash: hashOf("weights"),
    reportHash: hashOf("report"),
    toolsHash: hashOf("tools"),
  };
}

export function sampleJob(manifest: ModelManifest, k: number): Job {
  return {
    requester: "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    nonce: 7n,
    spec: {
      modelId: modelId(manifest),
      inDigest: publicDigest(encodeTensor({ dtype: "u8", dims: [1, 4], data: Uint8Array.of(1, 2, 3, 4) })),
      inputRef: hashOf("input"),
      stages: manifest.stages.length,
      policy: {
        mask: VOTE,
        k,
        auditBps: 10_000,
        cls: 0,
        flags: 4,
        seatStake: 44_000_000n,
        window: 15,
        tWork: 10,
        tReveal: 8,
        ticketClass: 0,
      },
      seatReward: 1_000_000n,
      pokeFee: 50_000n,
      insuredValue: 0n,
      client: ZERO_ADDRESS,
      callback: ZERO_ADDRESS,
      callbackGas: 0,
      expiry: 1_800_000_000,
      paramsVersion: 0,
      resultKey: hashOf("result key"),
    },
  };
}

interface Vote {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  readonly inDigest: Hex;
  /** One digest a seat. */
  readonly outs: readonly Hex[];
  readonly workers: readonly number[];
  /** Of every seat; 0 by default, as in a stage without a probe. */
  readonly payload?: Hex;
}

const claimsOf = ({ jobId: id, stage, inDigest, outs, workers }: Vote): Claim[] =>
  workers.map((worker, i) => ({ jobId: id, stage, inDigest, outDigest: outs[i] ?? "0x", worker: signerOf(worker) }));
const saltOf = ({ stage, round }: Vote, worker: number): Hex => hashOf(`salt ${worker} ${stage} ${round}`);
const commitmentsOf = (vote: Vote): Hex[] =>
  claimsOf(vote).map((claim, i) =>
    commitment(DOMAIN, {
      claim,
      round: vote.round,
      payload: vote.payload ?? ZERO_BYTES32,
      salt: saltOf(vote, vote.workers[i] ?? 0),
    }),
  );

/** What `submit` carries for one stage. */
export function sampleVotes(vote: Vote): StageVotes {
  const outs = [...new Set(vote.outs)];
  const payload = vote.payload ?? ZERO_BYTES32;
  const set = commitSet(commitmentsOf(vote));
  const seats = claimsOf(vote).map((claim, i): Opening => {
    const worker = vote.workers[i] ?? 0;
    const reveal = { claim, round: vote.round, payload, extra: ZERO_BYTES32, commitSet: set };
    const signature = signDigest(revealDigest(DOMAIN, reveal), keyOf(worker));
    return { which: outs.indexOf(claim.outDigest), salt: saltOf(vote, worker), ...signature };
  });
  return { outs, payloads: outs.map(() => payload), seats };
}

/** Every stage votes at once, unanimously: one `submit`, window 0. */
export function fastReceipt(stages: number, k: number): Receipt {
  const manifest = sampleManifest(stages);
  const job = sampleJob(manifest, k);
  const id = jobId(DEPLOYMENT, job);
  const seats = Array.from({ length: stages * k }, (_, i) => i + 1);
  const boundaries: Hex[] = [];
  const votes = manifest.stages.map((_, stage) => {
    const inDigest = stageInDigest(manifest.stages, stage, job.spec.inDigest, boundaries);
    const out = stage === stages - 1 ? OUT_DIGEST : hashOf(`boundary ${stage}`);
    boundaries.push(out);
    const workers = seats.slice(stage * k, (stage + 1) * k);
    return sampleVotes({ jobId: id, stage, round: 0, inDigest, outs: workers.map(() => out), workers });
  });
  const receipt = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats,
    signers: seats.map(signerOf),
    votes,
  });
  return settled({ ...receipt, output: toHex(OUTPUT), outputSalt: toHex(OUTPUT_SALT) });
}

/** One stage: three liars of five win nothing and nobody reaches q, then eleven fresh seats decide on the slow path. */
export function escalatedReceipt(): Receipt {
  const manifest = sampleManifest(1);
  const job = sampleJob(manifest, 5);
  const id = jobId(DEPLOYMENT, job);
  const wrong = hashOf("wrong");
  const first = { jobId: id, stage: 0, round: 0, inDigest: job.spec.inDigest, workers: [1, 2, 3, 4, 5] };
  const firstOuts = [OUT_DIGEST, wrong, wrong, wrong, OUT_DIGEST];
  const votes = sampleVotes({ ...first, outs: firstOuts });
  const seats = Array.from({ length: committeeSize(5, 1) }, (_, i) => 10 + i);
  const second: Vote = { ...first, round: 1, workers: seats, outs: seats.map(() => OUT_DIGEST) };
  const absent = 20;
  const commitments = commitmentsOf(second);
  const evidence = seats.map((worker, i): SeatEvidence => {
    if (worker === absent) return NO_EVIDENCE;
    const made = commitments[i] ?? "0x";
    const { r, vs } = signDigest(
      commitDigest(DOMAIN, { jobId: id, stage: 0, round: 1, commitment: made }),
      keyOf(worker),
    );
    const committed = { ...NO_EVIDENCE, signer: signerOf(worker), commitment: made, commitR: r, commitVs: vs };
    return worker === absent - 1
      ? committed
      : { ...committed, opened: true, outDigest: OUT_DIGEST, salt: saltOf(second, worker) };
  });
  const base = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats: first.workers,
    signers: first.workers.map(signerOf),
    votes: [sampleVotes({ ...first, outs: firstOuts.map(() => OUT_DIGEST) })],
  });
  const record: JobRecord = {
    ...base.record,
    tallies: [
      { ...(base.record.tallies[0] as JobRecord["tallies"][0]), said: firstOuts },
      {
        stage: 0,
        round: 1,
        seats,
        said: evidence.map(({ opened, commitment: made }): Hex =>
          opened ? say(OUT_DIGEST, ZERO_BYTES32) : made === ZERO_BYTES32 ? ZERO_BYTES32 : `0x${"0".repeat(63)}2`,
        ),
        challenger: signerOf(1),
        bond: 13_750_000n,
      },
    ],
  };
  const hung: CommitteeEvidence = {
    fast: true,
    seats: votes.seats.map(({ which, salt, r, vs }, i) => ({
      ...NO_EVIDENCE,
      signer: signerOf(i + 1),
      opened: true,
      outDigest: votes.outs[which] ?? "0x",
      salt,
      revealR: r,
      revealVs: vs,
    })),
  };
  return settled({
    ...base,
    record,
    recordHash: recordHash(record),
    committees: [hung, { fast: false, seats: evidence }],
    output: toHex(OUTPUT),
    outputSalt: toHex(OUTPUT_SALT),
  });
}

/** Adds what the rules pay, with every nominal slash taken. */
export function settled(receipt: Receipt): Receipt {
  const { spec } = receipt.job;
  const feeBps = 200;
  const escrow = quoteEscrow(spec, feeBps);
  const seats = offences(spec, receipt.record);
  const taken = seats.map(({ slash }) => slash);
  const outcome = { reason: 0, seatsKnown: true, poked: receipt.record.tallies.length > spec.stages, feeBps } as const;
  const payments = distribute(spec, receipt.record, outcome, seats, taken, escrow);
  return { ...receipt, settlement: [{ feeBps, escrow, taken, ...payments }] };
}
