// SPDX-License-Identifier: GPL-3.0-or-later
import { receiptOfSubmission } from "../../offchain/core/build-receipt.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { claimDigest } from "../../offchain/core/claim.ts";
import { jobId } from "../../offchain/core/job.ts";
import { absentParent, feedClaim, fedBy, parentsRef, partsDigest } from "../../offchain/core/join.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { Receipt } from "../../offchain/core/receipt.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { FLAG_JOIN, KIND_BLINDED, ZERO_BYTES32, type Parent } from "../../offchain/core/types.ts";
import {
  DEPLOYMENT,
  DOMAIN,
  fastReceipt,
  hashOf,
  keyOf,
  OUT_DIGEST,
  sampleJob,
  sampleManifest,
  sampleVotes,
  settled,
  signerOf,
} from "./sample-receipt.ts";

const K = 3;
const CLIENT = keyOf(98);
export const CLIENT_ADDRESS = addressOfKey(CLIENT);

/** A finished job as a parent that feeds its result. */
export const parentOf = ({ jobId: id, outDigest, recordHash }: Receipt): Parent => ({
  jobId: id,
  outDigest,
  recordHash,
  fedDigest: ZERO_BYTES32,
  r: ZERO_BYTES32,
  vs: ZERO_BYTES32,
});

/** The same parent, of which the client feeds what it made of the result. */
export function fedByClient(parent: Parent, fedDigest: Hex, key = CLIENT, domain: Hex = DOMAIN): Parent {
  const unsigned = { ...parent, fedDigest };
  return { ...unsigned, ...signDigest(claimDigest(domain, feedClaim(unsigned, CLIENT_ADDRESS)), key) };
}

export const leftOut = (): Parent =>
  absentParent(encodeTensor({ dtype: "i8", dims: [1, 10], data: new Int8Array(10) }));

/** Two jobs of other committees and policies. */
export const branchReceipts = (): readonly [Receipt, Receipt] => [fastReceipt(1, 5), fastReceipt(1, 3)];

/** A job over these parents; `inDigest` is their join unless given. */
export function joinedReceipt(
  parents: readonly Parent[],
  inDigest = partsDigest(KIND_BLINDED, parents.map(fedBy)),
): Receipt {
  const base = sampleManifest(1);
  const manifest = {
    ...base,
    name: "fusion",
    stages: base.stages.map((stage) => ({ ...stage, inKind: KIND_BLINDED })),
  };
  const { requester, nonce, spec } = sampleJob(manifest, K);
  const policy = { ...spec.policy, flags: spec.policy.flags | FLAG_JOIN };
  const given = { modelId: modelId(manifest), inputRef: parentsRef(parents), client: CLIENT_ADDRESS, inDigest, policy };
  const job = { requester, nonce, spec: { ...spec, ...given } };
  const id = jobId(DEPLOYMENT, job);
  const seats = Array.from({ length: K }, (_, i) => 40 + i);
  const outs = seats.map(() => OUT_DIGEST);
  const built = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats,
    signers: seats.map(signerOf),
    votes: [sampleVotes({ jobId: id, stage: 0, round: 0, inDigest, outs, workers: seats })],
  });
  return settled({ ...built, parents });
}

export interface ParentCase {
  readonly name: string;
  readonly receipt: Receipt;
  readonly ok: boolean;
}

/** Every way to name parents that the hub takes, and those that it refuses; each job is otherwise whole. */
export function parentCases(): ParentCase[] {
  const [a, b] = branchReceipts().map(parentOf) as [Parent, Parent];
  const fed = fedByClient(a, hashOf("what the client made of it"));
  const other = hashOf("another digest");
  const right = joinedReceipt([fed, b]);
  const swap = (parents: readonly Parent[]): Receipt => ({ ...right, parents });
  const good: [string, Receipt][] = [
    ["two results", joinedReceipt([a, b])],
    ["one through the client", right],
    ["one left out", joinedReceipt([a, leftOut()])],
    ["one alone: its digest is the input", joinedReceipt([a])],
  ];
  const bad: [string, Receipt][] = [
    ["none", swap([])],
    ["one missing", swap([fed])],
    ["reordered", swap([b, fed])],
    ["repeated", joinedReceipt([a, a])],
    ["nine", joinedReceipt(Array.from({ length: 9 }, (_, i) => ({ ...a, jobId: hashOf(`job ${i}`) })))],
    ["all left out", joinedReceipt([leftOut(), leftOut()])],
    ["another result", swap([fed, { ...b, outDigest: other }])],
    ["another digest fed", swap([fedByClient(a, other), b])],
    ["an input that joins nothing", joinedReceipt([a, b], other)],
    ["somebody else's claim", joinedReceipt([fedByClient(a, other, keyOf(97)), b])],
    ["a claim for another hub", joinedReceipt([fedByClient(a, other, CLIENT, hashOf("another domain")), b])],
    ["a claim about another parent", joinedReceipt([{ ...fedByClient(b, other), jobId: a.jobId }, b])],
    ["an unsigned claim", joinedReceipt([{ ...a, fedDigest: other }, b])],
    ["a signature without a claim", joinedReceipt([{ ...a, r: fed.r, vs: fed.vs }, b])],
    ["a left-out one with a record", joinedReceipt([a, { ...leftOut(), recordHash: other }])],
    ["a left-out one without a digest", joinedReceipt([a, { ...leftOut(), outDigest: ZERO_BYTES32 }])],
  ];
  // Both ended with one digest: only the spec tells them apart.
  const alike: [string, Receipt][] = [
    ["another job of the same result", { ...joinedReceipt([a, b]), parents: [a, { ...b, jobId: other }] }],
    ["the two exchanged", { ...joinedReceipt([a, b]), parents: [b, a] }],
    ["another record", swap([fed, { ...b, recordHash: other }])],
  ];
  // A job that joins none names none.
  const plain: [string, Receipt] = ["of a job that joins none", { ...branchReceipts()[0], parents: [b] }];
  return [
    ...good.map(([name, receipt]) => ({ name, receipt, ok: true })),
    ...[...bad, ...alike, plain].map(([name, receipt]) => ({ name, receipt, ok: false })),
  ];
}
