// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { claimDigest, type Claim } from "./claim.ts";
import { toHex, type Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { joinDigest } from "./digest.ts";
import { domainHash, keccak256 } from "./keccak.ts";
import { LANES } from "./salts.ts";
import { recoverSigner } from "./signature.ts";
import { decodeTensor } from "./tensor.ts";
import {
  FLAG_JOIN,
  KIND_BLINDED,
  PARENT,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  STAGE_CLIENT,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type DigestKind,
  type Parent,
  type Spec,
  type StageInfo,
} from "./types.ts";

// Jobs over other jobs' results, mirror of contracts/jobs/HubJoins.sol; and the lanes of MASKED stages, whose two shares form one input.

export const MAX_PARENTS = 8;

/** Whether a parent's place is empty: an optional modality that was left out. */
export const isAbsent = ({ jobId }: Parent): boolean => BigInt(jobId) === 0n;

/**
 * keccak256(keccak256("assay.v1.absent") ‖ canonical tensor bytes): what stands for a left-out modality, a tensor of zeros of the
 * branch's shape. Error: TENSOR_INVALID for any other tensor.
 */
export function absentDigest(bytes: Uint8Array): Hex {
  if (decodeTensor(bytes).data.some((value) => value !== 0))
    throw new CoreError("TENSOR_INVALID", { why: "an absent modality is a tensor of zeros" });
  return toHex(keccak256(domainHash("assay.v1.absent"), bytes));
}

/** The parent that shows a left-out modality. */
export const absentParent = (bytes: Uint8Array): Parent => ({
  jobId: ZERO_BYTES32,
  outDigest: absentDigest(bytes),
  recordHash: ZERO_BYTES32,
  fedDigest: ZERO_BYTES32,
  r: ZERO_BYTES32,
  vs: ZERO_BYTES32,
});

/** What a parent hands over: its result, or what the client claims to have made of it. */
export const fedBy = ({ fedDigest, outDigest }: Parent): Hex => (BigInt(fedDigest) === 0n ? outDigest : fedDigest);

/** A job's input made of parts, in their order: of one part its digest, else the join; part i has producer number i. */
export function partsDigest(kind: DigestKind, digests: readonly Hex[]): Hex {
  const [only] = digests;
  if (digests.length === 1 && only !== undefined) return only;
  return joinDigest(digests.map((digest, producer) => ({ producer, kind, digest })));
}

/** `spec.inputRef` of a joined job: its id commits to the parents themselves, not only to what they feed. */
export const parentsRef = (parents: readonly Parent[]): Hex =>
  toHex(keccak256(encodeAbi(["string", { array: PARENT }], ["assay.v1.parents", parents])));

/** What the client signs to feed a parent's result on: bound, not verified. */
export const feedClaim = ({ jobId, outDigest, fedDigest }: Parent, client: Hex): Claim => ({
  jobId,
  stage: STAGE_CLIENT,
  inDigest: outDigest,
  outDigest: fedDigest,
  worker: client,
});

/**
 * Why these are not the parents of a joined job, by the hub's rules; that they are FINAL is the chain's to say, and their receipts'.
 * `inKind`: of the model's first stage. `domain`: `domainSeparator`.
 */
export function parentsFailure(
  job: Pick<Spec, "client" | "inDigest" | "inputRef"> & { readonly inKind: DigestKind; readonly domain: Hex },
  parents: readonly Parent[],
): string | undefined {
  if (parents.length === 0 || parents.length > MAX_PARENTS) return `${parents.length} parents`;
  const present = parents.filter((parent) => !isAbsent(parent));
  if (present.length === 0) return "every parent is absent";
  if (new Set(present.map(({ jobId }) => jobId.toLowerCase())).size !== present.length) return "a parent is repeated";
  const client = job.client.toLowerCase() as Hex;
  for (const [i, parent] of parents.entries()) {
    const { r, vs } = parent;
    if (isAbsent(parent)) {
      const more = [parent.recordHash, parent.fedDigest, r, vs].some((word) => word !== ZERO_BYTES32);
      if (more || parent.outDigest === ZERO_BYTES32) return `parent ${i} is neither there nor absent`;
      continue;
    }
    if (BigInt(parent.fedDigest) === 0n) {
      if (r !== ZERO_BYTES32 || vs !== ZERO_BYTES32) return `parent ${i} has a signature without a claim`;
    } else if (
      client === ZERO_ADDRESS ||
      recoverSigner(claimDigest(job.domain, feedClaim(parent, client)), { r, vs }) !== client
    ) {
      return `what parent ${i} feeds is not signed by the client`;
    }
  }
  if (parentsRef(parents) !== job.inputRef) return "the job's spec names other parents";
  const joined = partsDigest(job.inKind, parents.map(fedBy));
  return joined === job.inDigest ? undefined : `the parents join to ${joined}, the job's input is ${job.inDigest}`;
}

/** Whether a job's input comes in parts: other jobs' results, or two shares. */
export const isJoined = ({ policy }: Pick<Spec, "policy">, stages: readonly StageInfo[]): boolean =>
  (policy.flags & FLAG_JOIN) !== 0 || areLanes(stages);

/** Whether a model's stages are the two lanes of a MASKED stage: stage 0 is lane A, stage 1 lane B. Mirror of ModelRegistry. */
export const areLanes = (stages: readonly StageInfo[]): boolean =>
  stages.length === 2 &&
  stages.every(
    ({ place, inKind, outKind, producers }) =>
      place === PLACE_NETWORK &&
      inKind === KIND_BLINDED &&
      outKind === KIND_BLINDED &&
      producers.length === 1 &&
      producers[0] === PRODUCER_INPUT,
  );

/** The lane whose salts a stage's boundaries take. */
export const laneOf = (stages: readonly StageInfo[], stage: number): number =>
  areLanes(stages) ? (stage === 0 ? LANES.A : LANES.B) : LANES.none;
