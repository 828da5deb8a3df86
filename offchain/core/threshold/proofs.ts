// SPDX-License-Identifier: MIT
import { concatBytes, equalBytes } from "../bytes.ts";
import type { CryptoPort } from "../crypto-port.ts";
import { Group, hashToScalar, joinPoints, proofNonce, readScalar, Scalars, timesPublic, writeScalar, type Point } from "./group.ts"; // prettier-ignore

/** Challenge and answer. */
export const PROOF_BYTES = 64;

/** One secret behind several points: `images[i] = secret · bases[i]`. */
export interface Statement {
  /** What the proof is for: another context is another proof. */
  readonly context: Uint8Array;
  readonly bases: readonly Point[];
  readonly images: readonly Point[];
}

const statementBytes = ({ context, bases, images }: Statement): readonly Uint8Array[] => [
  context,
  joinPoints(bases),
  joinPoints(images),
];

/**
 * Chaum and Pedersen's proof that all images have the same logarithm, by Fiat and Shamir; of one base it is Schnorr's proof of
 * knowledge. The challenge covers context, bases, images and commitments.
 */
export function proveLogs(crypto: Pick<CryptoPort, "randomBytes">, statement: Statement, secret: bigint): Uint8Array {
  const parts = statementBytes(statement);
  const nonce = proofNonce(crypto, secret, concatBytes(...parts));
  const commitments = statement.bases.map((base) => base.multiply(nonce));
  const challenge = hashToScalar("proof", ...parts, joinPoints(commitments));
  const answer = Scalars.add(nonce, Scalars.mul(challenge, secret));
  return concatBytes(writeScalar(challenge), writeScalar(answer));
}

/** Whether the proof holds. False also for what is no proof at all: wrong length, numbers that are not canonical. */
export function verifyLogs(statement: Statement, proof: Uint8Array): boolean {
  const { bases, images } = statement;
  if (proof.length !== PROOF_BYTES || bases.length !== images.length) return false;
  let challenge: bigint;
  let answer: bigint;
  try {
    challenge = readScalar(proof.subarray(0, 32), "The challenge");
    answer = readScalar(proof.subarray(32), "The answer");
  } catch {
    return false;
  }
  const commitments = bases.map((base, i) =>
    timesPublic(base, answer).subtract(timesPublic(images[i] ?? Group.ZERO, challenge)),
  );
  const expected = hashToScalar("proof", ...statementBytes(statement), joinPoints(commitments));
  return equalBytes(writeScalar(expected), proof.subarray(0, 32));
}
