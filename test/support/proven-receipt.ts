// SPDX-License-Identifier: GPL-3.0-or-later
import { NO_COMMITTEE, receiptOfJob, receiptOfProofs } from "../../offchain/core/build-receipt.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { publicDigest, saltedDigest, stageInDigest } from "../../offchain/core/digest.ts";
import { jobId, recordHash } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { ProvenTally, Receipt } from "../../offchain/core/receipt.ts";
import { COURT_ROUND } from "../../offchain/core/settle-types.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import {
  KIND_PUBLIC,
  KIND_SALTED,
  PROOF,
  VOTE,
  type Job,
  type ModelManifest,
  type Tally,
} from "../../offchain/core/types.ts";
import { KEY_DEVELOPMENT, type Backend, type KeyClass } from "../../offchain/core/zk/key-record.ts";
import { bytesOf } from "./deterministic.ts";
import { historyReceipt } from "./forged-history.ts";
import { DEPLOYMENT, DOMAIN, sampleJob, sampleManifest, settled, signerOf } from "./sample-receipt.ts";
import { boundaryOf, simulatedKey, simulateProof, type SimulatedKey } from "./simulated-proof.ts";

const CANDIDATES = 12;
const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, "0")}`;

/** PUBLIC input, SALTED boundaries between stages, PUBLIC output; of two stages all are PUBLIC, so that courts may judge both. */
export const boundaryTensor = (at: number, stages: number): Tensor =>
  at === 0
    ? { dtype: "u8", dims: [1, 4], data: Uint8Array.of(1, 2, 3, 4) }
    : at === stages
      ? { dtype: "i8", dims: [1, 3], data: Int8Array.of(-5, 100, 7) }
      : { dtype: "i8", dims: [1, 8], data: new Int8Array(bytesOf(`tensor ${at}`).buffer).subarray(0, 8) };
const kindAt = (at: number, stages: number): 0 | 1 =>
  at === 0 || at === stages || stages === 2 ? KIND_PUBLIC : KIND_SALTED;

export interface ProvenModel {
  readonly manifest: ModelManifest;
  readonly keys: readonly SimulatedKey[];
}

/** A model whose every stage has a key; backends take turns. */
export function provenModel(stages: number, cls: KeyClass = KEY_DEVELOPMENT): ProvenModel {
  const base = sampleManifest(stages);
  const keys = base.stages.map((_, s) =>
    simulatedKey(
      `stage ${s} of ${stages}`,
      ((s % 3) + 1) as Backend,
      [
        boundaryOf(0, kindAt(s, stages), boundaryTensor(s, stages)),
        boundaryOf(1, kindAt(s + 1, stages), boundaryTensor(s + 1, stages)),
      ],
      cls,
    ),
  );
  const manifest: ModelManifest = {
    ...base,
    stages: base.stages.map((info, s) => ({
      ...info,
      inKind: kindAt(s, stages),
      outKind: kindAt(s + 1, stages),
      keyId: keys[s]?.key.keyId ?? "0x",
      weightsX: word(keys[s]?.weights?.point.x ?? 0n),
      weightsY: word(keys[s]?.weights?.point.y ?? 0n),
    })),
    acceptedMasks: (1 << VOTE) | (1 << PROOF) | (1 << (VOTE | PROOF)),
  };
  return { manifest, keys };
}

export function provenJob(manifest: ModelManifest, mask: number, k: number): Job {
  const job = sampleJob(manifest, k);
  const { policy } = job.spec;
  return { ...job, spec: { ...job.spec, modelId: modelId(manifest), policy: { ...policy, mask } } };
}

const encodedAt = (at: number, stages: number): Uint8Array => encodeTensor(boundaryTensor(at, stages));

/** The honest digest of what lies before stage `at`. */
export const honestDigest = (at: number, stages: number): Hex =>
  kindAt(at, stages) === KIND_PUBLIC
    ? publicDigest(encodedAt(at, stages))
    : saltedDigest(encodedAt(at, stages), bytesOf(`salt ${at}`).subarray(1));

export interface ProofOrder {
  readonly model: ProvenModel;
  readonly job: Job;
  readonly stage: number;
  readonly tally: number;
  readonly worker: Hex;
  /** What the stage takes, if not what its predecessor honestly gives. */
  readonly inDigest?: Hex;
  readonly outDigest?: Hex;
  readonly domain?: Hex;
  /** If it lives elsewhere than the samples. */
  readonly jobId?: Hex;
}

/** A proof that verifies, true or not: the simulator knows the keys' secrets. */
export function provenTally(order: ProofOrder): ProvenTally {
  const { model, job, stage, tally, worker, inDigest, outDigest, domain } = order;
  const stages = model.manifest.stages.length;
  const made = model.keys[stage] as SimulatedKey;
  const out = outDigest ?? honestDigest(stage + 1, stages);
  const claim = {
    jobId: order.jobId ?? jobId(DEPLOYMENT, job),
    stage,
    inDigest: inDigest ?? honestDigest(stage, stages),
    outDigest: out,
    worker,
  };
  const tensors = [stage, stage + 1]
    .filter((at) => kindAt(at, stages) === KIND_PUBLIC)
    .map((at) => encodedAt(at, stages));
  const producers = model.manifest.stages[stage]?.producers ?? [];
  const { evidence } = simulateProof(made, { claim, domain: domain ?? DOMAIN, tensors, joined: [], producers });
  return { tally, worker, outDigest: out, key: toHex(made.bytes), evidence, enclaves: [] };
}

/** A PROOF job of which worker 3 proved the first stage, worker 5 the second, and so on. */
export function provenReceipt(stages: number, options: { readonly cls?: KeyClass } = {}): Receipt {
  const model = provenModel(stages, options.cls);
  const job = provenJob(model.manifest, PROOF, 1);
  const receipt = receiptOfProofs({
    deployment: DEPLOYMENT,
    job,
    manifest: model.manifest,
    seats: Array.from({ length: CANDIDATES }, (_, i) => i + 1),
    stages: model.manifest.stages.map((_, stage) => {
      const workerId = 3 + 2 * stage;
      return { workerId, ...provenTally({ model, job, stage, tally: stage, worker: signerOf(workerId) }) };
    }),
  });
  return settled({ ...receipt, output: toHex(encodedAt(stages, stages)), outputSalt: "0x" });
}

export interface Court {
  readonly model: ProvenModel;
  /** Receipt of votes alone, over the model's stages. */
  readonly voted: Receipt;
  readonly stage: number;
  readonly outDigest: Hex;
  /** Words that stand for the digest; the digest itself by default. */
  readonly said?: readonly Hex[];
  readonly prover?: Hex;
}

/** Appends a court's ruling: the digest stands, what followed from another one is void. */
export function ruled({ model, voted, stage, outDigest, said = [outDigest], prover = signerOf(77) }: Court): Receipt {
  const { record, manifest, job } = voted;
  const inDigest = stageInDigest(manifest.stages, stage, job.spec.inDigest, record.boundaries);
  const tally: Tally = { stage, round: COURT_ROUND, seats: [], said: [...said], challenger: prover, bond: 0n };
  const at = record.tallies.length;
  const proof = provenTally({ model, job, stage, tally: at, worker: prover, inDigest, outDigest });
  const boundaries =
    record.boundaries[stage] === outDigest ? record.boundaries : [...record.boundaries.slice(0, stage), outDigest];
  const after = { ...record, boundaries, tallies: [...record.tallies, tally], decided: record.decided | (1 << stage) };
  const complete = boundaries.length === manifest.stages.length;
  const { chainId, hub, committees, proofs } = voted;
  const receipt = receiptOfJob({
    deployment: { chainId, hub },
    job,
    manifest,
    reason: complete ? 0 : 4,
    record: after,
    committees: [...committees, NO_COMMITTEE],
    proofs: [...proofs, proof],
  });
  return { ...receipt, recordHash: recordHash(after) };
}

/** Two stages of five seats; all agree on a lie about the first, which a proof overturns: the job closes. */
export function judgedReceipt(): Receipt {
  const model = provenModel(2);
  const job = provenJob(model.manifest, VOTE, 5);
  const lie: Hex = `0x00${"12".repeat(31)}`;
  const sittings = [
    { stage: 0, round: 0, inDigest: honestDigest(0, 2), out: lie },
    { stage: 1, round: 0, inDigest: lie, out: honestDigest(2, 2) },
  ];
  const story = { stages: 2, k: 5, sittings, boundaries: [lie, honestDigest(2, 2)], reason: 0 };
  const voted = historyReceipt({ ...story, manifest: model.manifest, job });
  return ruled({ model, voted, stage: 0, outDigest: honestDigest(1, 2) });
}
