// SPDX-License-Identifier: GPL-3.0-or-later
import { receiptOfSubmission } from "../../offchain/core/build-receipt.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { claimDigest } from "../../offchain/core/claim.ts";
import { clientClaim } from "../../offchain/core/client-claims.ts";
import { stageInDigest } from "../../offchain/core/digest.ts";
import { jobId, recordHash } from "../../offchain/core/job.ts";
import { jobTable } from "../../offchain/core/network-part.ts";
import type { ClientClaim, Receipt } from "../../offchain/core/receipt.ts";
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { KIND_BLINDED, PLACE_CLIENT, type ModelManifest } from "../../offchain/core/types.ts";
import {
  DEPLOYMENT,
  DOMAIN,
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
const CLIENT = keyOf(99);

/** Two stages of the client, two of the network, one of the client. */
export function splitManifest(): ModelManifest {
  const base = sampleManifest(5);
  const stages = base.stages.map((stage, at) => ({
    ...stage,
    inKind: KIND_BLINDED,
    ...(at < 2 || at > 3 ? { place: PLACE_CLIENT } : {}),
  }));
  return { ...base, stages };
}

/** A claim of the client, signed. */
export function signedClaim(id: Hex, claim: Omit<ClientClaim, "r" | "vs">, key = CLIENT): ClientClaim {
  return { ...claim, ...signDigest(claimDigest(DOMAIN, clientClaim(id, addressOfKey(CLIENT), claim)), key) };
}

/** A job between the client's stages, with all claims of the client. */
export function splitReceipt(): Receipt {
  const manifest = splitManifest();
  const table = jobTable(manifest);
  const base = sampleJob(manifest, K);
  const inDigest = hashOf("what the client's stages gave");
  const job = { ...base, spec: { ...base.spec, stages: table.length, inDigest, client: addressOfKey(CLIENT) } };
  const id = jobId(DEPLOYMENT, job);
  const seats = Array.from({ length: table.length * K }, (_, i) => i + 1);
  const boundaries: Hex[] = [];
  const votes = table.map((_, stage) => {
    const taken = stageInDigest(table, stage, inDigest, boundaries);
    const out = stage === table.length - 1 ? OUT_DIGEST : hashOf(`boundary ${stage}`);
    boundaries.push(out);
    const workers = seats.slice(stage * K, (stage + 1) * K);
    return sampleVotes({ jobId: id, stage, round: 0, inDigest: taken, outs: workers.map(() => out), workers });
  });
  const built = receiptOfSubmission({
    deployment: DEPLOYMENT,
    job,
    manifest,
    seats,
    signers: seats.map(signerOf),
    votes,
  });
  const inner = hashOf("between the client's stages");
  const clientClaims = [
    { stage: 0, inDigest: hashOf("raw input"), outDigest: inner },
    { stage: 1, inDigest: inner, outDigest: inDigest },
    { stage: 4, inDigest: OUT_DIGEST, outDigest: hashOf("answer") },
  ].map((claim) => signedClaim(id, claim));
  return settled({ ...built, clientClaims });
}

export interface ChainCase {
  readonly name: string;
  readonly receipt: Receipt;
  /** Of SDK and auditor; "" if the chain holds. */
  readonly code: "" | "CHAIN_BROKEN";
}

/** Every way to swap, omit, repeat and reorder boundaries of a split job; each signed anew where a signature speaks about it. */
export function chainCases(): ChainCase[] {
  const whole = splitReceipt();
  const { clientClaims: claims, record, jobId: id } = whole;
  const withBoundaries = (boundaries: readonly Hex[]): Receipt => {
    const altered = { ...record, boundaries };
    return { ...whole, record: altered, recordHash: recordHash(altered) };
  };
  const withClaims = (list: readonly (ClientClaim | undefined)[]): Receipt => ({
    ...whole,
    clientClaims: list.flatMap((claim) => (claim === undefined ? [] : [claim])),
  });
  const altered = (at: number, change: Partial<ClientClaim>): Receipt =>
    withClaims(claims.map((claim, i) => (i === at ? signedClaim(id, { ...claim, ...change }) : claim)));
  const [a, b] = record.boundaries as [Hex, Hex];
  const [first, second, third] = claims;
  const other = hashOf("another boundary");
  const good: [string, Receipt][] = [
    ["all claims", whole],
    ["no claim: whoever made the receipt has none", withClaims([])],
    ["claims of the first stages only", withClaims([first, second])],
    ["the claim of the last stage only", withClaims([third])],
  ];
  const bad: [string, Receipt][] = [
    ["network boundaries swapped", withBoundaries([b, a])],
    ["a network boundary omitted", withBoundaries([b])],
    ["the result omitted", withBoundaries([a])],
    ["a network boundary repeated", withBoundaries([a, a])],
    ["a network boundary repeated at the end", withBoundaries([a, b, b])],
    ["another network boundary", withBoundaries([other, b])],
    ["another result", { ...withBoundaries([a, other]), outDigest: other }],
    [
      "client boundaries swapped",
      altered(0, { inDigest: claims[0]?.outDigest ?? other, outDigest: claims[0]?.inDigest ?? other }),
    ],
    ["a client stage omitted", withClaims([second, third])],
    ["the stage before the network omitted", withClaims([first, third])],
    ["a client stage repeated", withClaims([first, first, second, third])],
    ["the last client stage repeated", withClaims([first, second, third, third])],
    ["client stages reordered", withClaims([second, first, third])],
    ["the last client stage first", withClaims([third, first, second])],
    ["another boundary between client stages", altered(1, { inDigest: other })],
    ["the client's stages end elsewhere", altered(1, { outDigest: other })],
    ["the client's last stage takes another result", altered(2, { inDigest: other })],
    ["the client's last stage takes an inner boundary", altered(2, { inDigest: a })],
    [
      "a claim about a stage of the network",
      withClaims([first, second, signedClaim(id, { ...claims[1], stage: 2 } as ClientClaim), third]),
    ],
    ["a claim about no stage", withClaims([...claims, signedClaim(id, { ...claims[2], stage: 5 } as ClientClaim)])],
    ["no digest of the answer", altered(2, { outDigest: `0x${"0".repeat(64)}` })],
  ];
  return [
    ...good.map(([name, receipt]) => ({ name, receipt, code: "" as const })),
    ...bad.map(([name, receipt]) => ({ name, receipt, code: "CHAIN_BROKEN" as const })),
  ];
}
