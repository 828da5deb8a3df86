// SPDX-License-Identifier: MIT
import { ByteWriter } from "../byte-writer.ts";
import { ZkError } from "./errors.ts";
import {
  G1_BYTES,
  G2_BYTES,
  g1Failure,
  g1FormFailure,
  g2Failure,
  g2FormFailure,
  isInfinityG1,
  readG1,
  readG2,
  wordsOfG1,
  wordsOfG2,
  writeWords,
  type G1Point,
  type G2Point,
} from "./points.ts";

export type { G1Point, G2Point } from "./points.ts";

/** A, B, the commitment C1 to everything that depends on no challenge, and the rest C2. One-round proofs have C1 at infinity. */
export interface Proof {
  readonly a: G1Point;
  readonly b: G2Point;
  readonly c1: G1Point;
  readonly c2: G1Point;
}

export const PROOF_BYTES = 320;
export const PROOF_WORDS = 10;

const bad = (reason: string) => new ZkError("PROOF_MALFORMED", { reason });

export const wordsOfProof = ({ a, b, c1, c2 }: Proof): bigint[] => [
  ...wordsOfG1(a),
  ...wordsOfG2(b),
  ...wordsOfG1(c1),
  ...wordsOfG1(c2),
];

/** A, B, C1, C2: ten words, G2 in the order of EIP-197. Not an identity of the proof: (kA, B/k) is another spelling of it. */
export const encodeProof = (proof: Proof): Uint8Array => writeWords(new ByteWriter(), wordsOfProof(proof)).finish();

/**
 * Ten words as a proof, by their form alone: coordinates below q, nothing at infinity but C1. Whether points are on their curves and B in
 * its group is left to the caller. Error: PROOF_MALFORMED.
 */
export function readProof(words: readonly bigint[]): Proof {
  if (words.length !== PROOF_WORDS) throw bad(`${words.length} words instead of ${PROOF_WORDS}`);
  const at = (i: number): bigint => words[i] ?? 0n;
  const proof: Proof = {
    a: { x: at(0), y: at(1) },
    b: { x: [at(3), at(2)], y: [at(5), at(4)] },
    c1: { x: at(6), y: at(7) },
    c2: { x: at(8), y: at(9) },
  };
  const failure =
    g1FormFailure(proof.a, "A") ??
    g2FormFailure(proof.b, "B") ??
    (isInfinityG1(proof.c1) ? undefined : g1FormFailure(proof.c1, "C1")) ??
    g1FormFailure(proof.c2, "C2");
  if (failure !== undefined) throw bad(failure);
  return proof;
}

/** The ten words of evidence as a proof: points on the curve, B in the subgroup too. Error: PROOF_MALFORMED. */
export function proofOfWords(words: readonly bigint[]): Proof {
  const proof = readProof(words);
  const { a, b, c1, c2 } = proof;
  const failure =
    g1Failure(a, "A") ??
    g2Failure(b, "B") ??
    (isInfinityG1(c1) ? undefined : g1Failure(c1, "C1")) ??
    g1Failure(c2, "C2");
  if (failure !== undefined) throw bad(failure);
  return proof;
}

/** Reads 320 bytes from anyone, as `proofOfWords` does. Error: PROOF_MALFORMED. */
export function decodeProof(bytes: Uint8Array): Proof {
  if (bytes.length !== PROOF_BYTES) throw bad(`${bytes.length} bytes instead of ${PROOF_BYTES}`);
  const b = G1_BYTES + G2_BYTES;
  return proofOfWords([
    ...wordsOfG1(readG1(bytes.subarray(0, G1_BYTES))),
    ...wordsOfG2(readG2(bytes.subarray(G1_BYTES, b))),
    ...wordsOfG1(readG1(bytes.subarray(b, b + G1_BYTES))),
    ...wordsOfG1(readG1(bytes.subarray(b + G1_BYTES))),
  ]);
}
