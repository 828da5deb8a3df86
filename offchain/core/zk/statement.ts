// SPDX-License-Identifier: MIT
import { bytesToBig, fromHex, toHex, type Hex } from "../bytes.ts";
import { claimHash, type Claim } from "../claim.ts";
import { joinDigest, publicDigest } from "../digest.ts";
import { keccak256 } from "../keccak.ts";
import { toWords } from "../poseidon.ts";
import { KIND_SALTED } from "../types.ts";
import { challenge, oneRoundContext } from "./challenge.ts";
import { ZkError } from "./errors.ts";
import { FIELD_R } from "./field.ts";
import { fingerprint } from "./fingerprint.ts";
import { BACKEND_ONE_ROUND, DIRECTION_IN, type KeyBoundary, type KeyRecord } from "./key-record.ts";
import type { G1Point } from "./points.ts";

/** What lies at a stage's ends, as evidence carries it. */
export interface StageBoundaries {
  /** Full canonical encodings of the PUBLIC boundaries: inputs, then the output. */
  readonly tensors: readonly Uint8Array[];
  /** Input digests in manifest order if the stage has several producers, else empty. */
  readonly joined: readonly Hex[];
  /** From the model's stage table. */
  readonly producers: readonly number[];
}

const differs = (reason: string) => new ZkError("STATEMENT_MISMATCH", { reason });

function inputDigests(inputs: readonly KeyBoundary[], claim: Claim, { joined, producers }: StageBoundaries): Hex[] {
  if (inputs.length !== producers.length)
    throw differs(`the key has ${inputs.length} inputs, the stage ${producers.length}`);
  if (producers.length === 1) {
    if (joined.length !== 0) throw differs("digests to join, but one input");
    return [claim.inDigest];
  }
  if (joined.length !== producers.length) throw differs(`${joined.length} digests for ${producers.length} inputs`);
  const parts = producers.map((producer, i) => ({
    producer,
    kind: inputs[i]?.kind ?? KIND_SALTED,
    digest: joined[i] ?? "0x",
  }));
  if (joinDigest(parts) !== claim.inDigest.toLowerCase()) throw differs("the inputs do not join to the claim's digest");
  return [...joined];
}

/** A PUBLIC boundary's data in words, after its header, length and digest have been checked. */
function publicWords(boundary: KeyBoundary, digest: Hex, bytes: Uint8Array, name: string): bigint[] {
  const headerLength = bytes.length - boundary.dataLength;
  if (headerLength < 1) throw differs(`${name} has ${bytes.length} bytes, its data alone ${boundary.dataLength}`);
  if (toHex(keccak256(bytes.subarray(0, headerLength))) !== boundary.headerHash)
    throw differs(`${name} has another type, shape or length than the key's`);
  if (publicDigest(bytes) !== digest.toLowerCase()) throw differs(`${name} does not hash to the claim's digest`);
  return toWords(bytes.subarray(headerLength));
}

/**
 * The field elements a proof speaks about: the words of PUBLIC boundaries, the digest of SALTED ones, in manifest order. Everything
 * is checked against the claim, so the prover chooses nothing. Errors: STATEMENT_MISMATCH, HEX_INVALID.
 */
export function statementWords(
  { boundaries }: Pick<KeyRecord, "boundaries">,
  claim: Claim,
  given: StageBoundaries,
): bigint[] {
  const inputs = boundaries.filter(({ direction }) => direction === DIRECTION_IN);
  const digests = [...inputDigests(inputs, claim, given), claim.outDigest];
  const tensors = given.tensors.values();
  const words = boundaries.flatMap((boundary, i) => {
    const name = i === boundaries.length - 1 ? "the output" : `input ${i}`;
    const digest = digests[i] ?? "0x";
    if (boundary.kind === KIND_SALTED) {
      const word = bytesToBig(fromHex(digest, 32, "A digest"));
      if (word >= FIELD_R) throw differs(`the SALTED digest of ${name} is not below r`);
      return [word];
    }
    const { value } = tensors.next();
    if (value === undefined) throw differs(`the tensor of ${name} is missing`);
    return publicWords(boundary, digest, value, name);
  });
  if (tensors.next().done !== true) throw differs("more tensors than PUBLIC boundaries");
  return words;
}

/** A key as far as a statement depends on it. */
export interface StatementKey {
  readonly keyId: Hex;
  readonly record: Pick<KeyRecord, "backend">;
}

/** The circuit's public inputs in order: v, c, ρ; one-round: the context, then the words. */
export function publicInputs(
  key: StatementKey,
  context: { readonly domain: Hex; readonly claim: Claim; readonly weights?: G1Point | undefined },
  c1: G1Point,
  words: readonly bigint[],
): bigint[] {
  const bound = {
    domain: context.domain,
    claimHash: claimHash(context.claim),
    keyId: key.keyId,
    weights: context.weights,
  };
  if (key.record.backend === BACKEND_ONE_ROUND) return [oneRoundContext(bound), ...words];
  const { c, rho } = challenge({ ...bound, c1 });
  return [fingerprint(words, rho), c, rho];
}
