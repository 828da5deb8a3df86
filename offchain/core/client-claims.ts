// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { claimDigest, type Claim } from "./claim.ts";
import { CoreError } from "./core-errors.ts";
import { networkPart } from "./network-part.ts";
import type { ClientClaim, Receipt } from "./receipt.ts";
import { recoverSigner } from "./signature.ts";
import { PLACE_CLIENT, ZERO_BYTES32, type ModelManifest } from "./types.ts";

/**
 * In claims and salts a client stage has its place in the manifest plus this: job stages are numbered among themselves, and no claim of a
 * client can be read as a seat's. The boundary that a client stage makes has the stage's number.
 */
export const CLIENT_STAGE = 0x8000;
/** The boundary that enters the client's first stage: the raw input. It has a digest, and no bytes of it ever leave. */
export const RAW_INPUT = 0xfffe;

/** What the client signs about its stage at this place of the manifest. `client`: `spec.client`. */
export const clientClaim = (
  jobId: Hex,
  client: Hex,
  { stage, inDigest, outDigest }: Pick<ClientClaim, "stage" | "inDigest" | "outDigest">,
): Claim => ({ jobId, stage: CLIENT_STAGE + stage, inDigest, outDigest, worker: client });

/** Places of the client's stages that end in the job's input, and of those that begin with its result. */
export function clientStages({ stages }: Pick<ModelManifest, "stages">): {
  readonly before: readonly number[];
  readonly after: readonly number[];
} {
  const part = networkPart(stages);
  const places = stages.flatMap(({ place }, at) => (place === PLACE_CLIENT && part !== null ? [at] : []));
  return {
    before: places.filter((at) => at < (part?.first ?? 0)),
    after: places.filter((at) => at >= (part?.end ?? 0)),
  };
}

const broken = (stage: number, why: string) => new CoreError("CHAIN_BROKEN", { stage, why });

/** The claims of one side: none (whoever made the receipt has not got them), or one a stage, each taking what the one before gave. */
function assertRun(claims: readonly ClientClaim[], places: readonly number[]): void {
  if (claims.length === 0) return;
  for (const [i, place] of places.entries()) {
    const claim = claims[i];
    if (claim?.stage !== place) throw broken(place, "the client's claim about it is missing or out of order");
    if (claim.outDigest === ZERO_BYTES32 || claim.inDigest === ZERO_BYTES32) throw broken(place, "it has no digest");
    const before = claims[i - 1];
    if (before !== undefined && before.outDigest !== claim.inDigest)
      throw broken(place, "it does not take what the stage before it gave");
  }
  if (claims.length > places.length)
    throw broken(claims[places.length]?.stage ?? 0, "there are more claims than stages of the client");
}

/**
 * The chain rule over the whole model: the client's stages end in the job's input, every boundary of the record is the one that its
 * stage's evidence decided (`decided`, in order), and the client's last stages begin with the result. Signatures are checked apart.
 * Error: CHAIN_BROKEN naming a stage of the manifest.
 */
export function assertChain(
  { manifest, job, record, reason, outDigest, clientClaims }: Omit<Receipt, "output" | "outputSalt" | "settlement">,
  decided: readonly Hex[],
): void {
  const { before, after } = clientStages(manifest);
  const first = networkPart(manifest.stages)?.first ?? 0;
  const end = first + job.spec.stages;
  assertRun(clientClaims.slice(0, clientClaims.findLastIndex(({ stage }) => stage < end) + 1), before);
  const leading = clientClaims.filter(({ stage }) => stage < end);
  const input = leading.at(-1);
  if (input !== undefined && input.outDigest !== job.spec.inDigest)
    throw broken(first, "the job's input is not what the client's stages gave");
  for (const [stage, digest] of record.boundaries.entries())
    if (decided[stage] !== undefined && decided[stage] !== digest)
      throw broken(first + stage, "its boundary is not the one that its evidence decided");
  if (reason === 0 && record.boundaries.length !== job.spec.stages)
    throw broken(first + record.boundaries.length, "it has no boundary");
  if (reason === 0 && record.boundaries.at(-1) !== outDigest) throw broken(end - 1, "the result is not what it gave");
  const trailing = clientClaims.filter(({ stage }) => stage >= end);
  assertRun(trailing, after);
  const [result] = trailing;
  if (result !== undefined && (reason !== 0 || result.inDigest !== outDigest))
    throw broken(end, "it does not take the job's result");
}

/** Whether every claim is signed by the job's client. Undefined, or what is wrong. */
export function clientSignatureFailure({ job, jobId, clientClaims }: Receipt, domain: Hex): string | undefined {
  const client = job.spec.client.toLowerCase() as Hex;
  for (const { r, vs, ...claim } of clientClaims)
    if (recoverSigner(claimDigest(domain, clientClaim(jobId, client, claim)), { r, vs }) !== client)
      return `stage ${claim.stage} is not signed by the client`;
  return undefined;
}
