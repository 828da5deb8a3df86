// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { errorText } from "./check.ts";
import { isAssayError } from "./errors.ts";
import { pairKeys, type PairKeys } from "./enclave-bundle.ts";
import type { CommitteeEvidence, ProvenTally } from "./receipt.ts";
import { KIND_PUBLIC, NO_PROBE, SAID_ABSTAIN, ZERO_BYTES32, type StageInfo, type Tally } from "./types.ts";
import { say } from "./vote.ts";
import { encodeProofEvidence } from "./zk/evidence.ts";
import { KEY_CEREMONY, type KeyRecord } from "./zk/key-record.ts";
import type { G1Point } from "./zk/points.ts";
import type { StageProof } from "./zk/verify-proof.ts";
import type { KeyOpener, VerifyingKey } from "./zk/verifying-key.ts";

/** What a stage's proof is bound to. */
export interface ProvenScope {
  /** `domainSeparator`. */
  readonly domain: Hex;
  readonly jobId: Hex;
  readonly stage: number;
  /** What the stage takes by the record, whoever proves. */
  readonly inDigest: Hex;
  readonly info: StageInfo;
}

/** Which key a stage was proven under. */
export interface ProvenKey {
  readonly stage: number;
  readonly keyId: Hex;
  readonly development: boolean;
}

/** C_w of a stage; undefined if its weights are public constants. */
export const weightsOf = ({ weightsX, weightsY }: StageInfo): G1Point | undefined =>
  BigInt(weightsX) === 0n && BigInt(weightsY) === 0n ? undefined : { x: BigInt(weightsX), y: BigInt(weightsY) };

function kindsFailure({ boundaries }: KeyRecord, { inKind, outKind }: StageInfo): string | undefined {
  const wrong = boundaries.findIndex(({ kind }, i) => kind !== (i === boundaries.length - 1 ? outKind : inKind));
  return wrong < 0 ? undefined : `the key's boundary ${wrong} is of another kind than the stage's`;
}

/** A proven stage before its proof is judged. */
export interface ProvenCase {
  /** Undefined if it could not be opened. */
  readonly key: ProvenKey | undefined;
  /** What is left to judge; undefined if it fails already. */
  readonly proof: StageProof | undefined;
  readonly failure: string | undefined;
}

/** Checks a stage's key and puts its proof together. */
export function readProven(
  { domain, jobId, stage, inDigest, info }: ProvenScope,
  { worker, outDigest, key, evidence }: ProvenTally,
  open: KeyOpener,
): ProvenCase {
  const fails = (failure: string, used?: ProvenKey): ProvenCase => ({ failure, key: used, proof: undefined });
  if (info.keyId === ZERO_BYTES32) return fails("the stage has no key: nothing can prove it");
  let opened: VerifyingKey;
  try {
    opened = open(key, info.keyId);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return fails(errorText(error));
  }
  const used = { stage, keyId: opened.keyId, development: opened.record.cls !== KEY_CEREMONY };
  const failure = kindsFailure(opened.record, info);
  if (failure !== undefined) return fails(failure, used);
  const claim = { jobId, stage, inDigest, outDigest, worker };
  const { producers } = info;
  const proof = { key: opened, claim, domain, evidence, producers, weights: weightsOf(info) };
  return { failure: undefined, key: used, proof };
}

/**
 * The words that stand for a proven digest, as a court must list them: without a probe the digest; with one, the hash of each pair
 * that seats of this stage opened with it, ascending.
 */
export function courtWords(info: StageInfo, outDigest: Hex, sat: readonly CommitteeEvidence[]): readonly Hex[] {
  if (info.probe === NO_PROBE) return [outDigest];
  const words = sat.flatMap(({ seats }) =>
    seats.flatMap((seat) =>
      seat.opened && seat.outDigest === outDigest ? [say(seat.outDigest, seat.payload, true)] : [],
    ),
  );
  return [...new Set(words)]
    .filter((word) => word !== SAID_ABSTAIN)
    .toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
}

/** What the hub demands of a proven stage of a PROOF job. Undefined, or what is wrong. */
export function candidateFailure(
  candidates: readonly number[],
  tally: Tally,
  { outDigest }: ProvenTally,
  seats = 1,
): string | undefined {
  if (tally.seats.length !== seats) return `${tally.seats.length} workers stand for a proof instead of ${seats}`;
  const stranger = tally.seats.find((id) => !candidates.includes(id));
  if (stranger !== undefined) return `worker ${stranger} is not a candidate`;
  if (new Set(tally.seats).size !== seats) return "one worker stands for a proof twice";
  if (tally.said.length !== seats || tally.said.some((word) => word !== outDigest))
    return "the record says another digest than the proof";
  if (BigInt(outDigest) <= 2n) return "the digest is reserved";
  return tally.bond === 0n && BigInt(tally.challenger) === 0n ? undefined : "nobody challenges a proof";
}

/** What a stage's enclaves signed. */
export interface SignedPair {
  readonly stage: number;
  readonly keys: PairKeys | undefined;
  readonly failure: string | undefined;
}

/** Whether the enclaves that a policy asks for signed the proven claim, and the prover's this proof. */
export function readPair({ domain, jobId, stage, inDigest }: ProvenScope, proof: ProvenTally, k: number): SignedPair {
  const { worker, outDigest, evidence, enclaves } = proof;
  const [pair] = enclaves;
  const fails = (failure: string): SignedPair => ({ stage, keys: undefined, failure });
  if (pair === undefined) return fails("no enclave signed it");
  if ((BigInt(pair.second) !== 0n) !== (k === 2)) return fails(`${k} enclaves are asked for`);
  try {
    const claim = { jobId, stage, inDigest, outDigest, worker };
    return { stage, keys: pairKeys(domain, claim, pair, encodeProofEvidence(evidence)), failure: undefined };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return fails(errorText(error));
  }
}

/** What the hub demands of a court's tally. Undefined, or what is wrong. */
export function rulingFailure(
  info: StageInfo,
  tally: Tally,
  { worker, outDigest }: ProvenTally,
  words: readonly Hex[],
): string | undefined {
  // Of a SALTED output the prover chooses the salt, and so which digest it proves.
  if (info.outKind !== KIND_PUBLIC) return "a court judges stages with a PUBLIC output only";
  if (tally.seats.length > 0 || tally.bond !== 0n) return "a court has neither seats nor a bond";
  if (BigInt(outDigest) <= 2n) return "the digest is reserved";
  if (BigInt(worker) === 0n || tally.challenger !== worker) return `the prover is ${worker}, not ${tally.challenger}`;
  return tally.said.join() === words.join()
    ? undefined
    : "other words stand for the proven digest than the record says";
}
