// SPDX-License-Identifier: MIT
import { boundaryDigest } from "../core/batch-tensors.ts";
import { toHex, utf8, type Hex } from "../core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../core/crypto-port.ts";
import { jobTable } from "../core/network-part.ts";
import { boundarySalt, INPUT_BOUNDARY, LANES } from "../core/salts.ts";
import { Secret } from "../core/secret.ts";
import { KIND_PUBLIC, type DigestKind, type ModelManifest } from "../core/types.ts";
import { SdkError } from "./errors.ts";

/**
 * 32 fresh random bytes a job. Salts and the key that results are sealed to follow from it, so it is all that a client must keep;
 * whoever has it can read input and result.
 */
export type JobSecret = Secret<Uint8Array>;

const SECRET_BYTES = 32;

export function createJobSecret(crypto: CryptoPort): JobSecret {
  return new Secret(crypto.randomBytes(SECRET_BYTES));
}

/** Takes up a job again with the secret of its request. Error: SECRET_INVALID. */
export function restoreJobSecret(bytes: Uint8Array): JobSecret {
  if (bytes.length !== SECRET_BYTES) throw new SdkError("SECRET_INVALID", { bytes: SECRET_BYTES, have: bytes.length });
  return new Secret(bytes.slice());
}

/** The X25519 key that seats seal the result to: HMAC-SHA256(secret, "assay.v1.result-key"); one a job, like the secret. */
export function resultKeyPair(crypto: CryptoPort, secret: JobSecret): X25519KeyPair {
  const privateKey = crypto.hmacSha256(secret.reveal(), utf8("assay.v1.result-key"));
  return { privateKey, publicKey: crypto.x25519PublicKey(privateKey) };
}

/** The salt of a stage's output boundary under this job, or undefined for kinds without one. */
export const outputSalt = (
  secret: JobSecret,
  stage: number,
  kind: DigestKind,
  lane: number = LANES.none,
): Uint8Array | undefined => boundarySalt(secret.reveal(), stage, kind, lane);

/** Digest of a job's input under the model's input kind. `inputs`: of a batch, whose bytes are `encodeBatch`'s; 0 for a single tensor. */
export function inputDigest(manifest: ModelManifest, bytes: Uint8Array, secret: JobSecret, inputs = 0): Hex {
  const kind = inputKind(manifest);
  return boundaryDigest(kind, bytes, boundarySalt(secret.reveal(), INPUT_BOUNDARY, kind), inputs);
}

export const inputKind = (manifest: ModelManifest): DigestKind =>
  (jobTable(manifest)[0]?.inKind ?? KIND_PUBLIC) as DigestKind;

/** 96 random bits: a nonce only has to be new for (requester, spec). */
export const randomNonce = (crypto: CryptoPort): bigint => BigInt(toHex(crypto.randomBytes(12)));
