// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import { JOB_INPUT } from "../core/sealed-input.ts";
import { decodeCipherParcel, encodeCipherParcel } from "../core/she/cipher-parcel.ts";
import { ciphertextDigest, encodeCiphertext, tensorCiphertext } from "../core/she/ciphertext-tensor.ts";
import { portableHashes } from "../core/she/hashes.ts";
import { decodeTensor } from "../core/tensor.ts";
import { ZERO_BYTES32, type Spec } from "../core/types.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ModelShelf, StageKeys } from "./ports.ts";

/** Checked keys of one stage of a job. */
export interface HeldKeys extends StageKeys {
  readonly stage: number;
  /** What the stage takes: the job's input, or the output of the stage before. */
  readonly boundary: number;
  /** A ciphertext that came with them, as tensor bytes: is it the stage's? Null if none came. */
  readonly input: Uint8Array | null;
}

/**
 * Opens the parcel of a seat's stage and checks every key in it, before anything of it is used: who sends a seat wrong keys has not fed it,
 * and others may still bring the right ones. A ciphertext in it counts only where the chain says which one it must be (`inDigest`). Errors: OFFER_REFUSED, BYTES_REFUSED, those of `decodeCipherParcel`.
 */
export async function openKeys(
  plain: Uint8Array,
  { stage, inDigest, spec }: { readonly stage: number; readonly inDigest: Hex | null; readonly spec: Spec },
  models: ModelShelf,
): Promise<HeldKeys> {
  const parcel = decodeCipherParcel(plain);
  const refuse = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: spec.modelId, reason });
  if (parcel.stage !== stage) throw refuse(`keys for stage ${parcel.stage}`);
  const runner = await models.stage(spec.modelId, stage);
  if (runner?.checkKeys === undefined) throw refuse("keys for a stage that takes none");
  // The caller wipes its bytes.
  const keys = parcel.keys.map((key) => key.slice());
  const own = { keySetRoot: spec.inputRef, keyBodies: parcel.keyBodies, keys };
  const input = parcel.input.length === 0 || inDigest === null ? null : encodeCiphertext(parcel.input.slice());
  if (input !== null && cipherDigestOf(input) !== inDigest?.toLowerCase())
    throw refuse("another ciphertext than the stage takes");
  await runner.checkKeys(own);
  return { ...own, stage, boundary: stage === 0 ? JOB_INPUT : stage - 1, input };
}

/** For another seat of the same stage: keys, and the input as far as it is here. */
export const encodeKeys = ({ stage, keyBodies, keys }: HeldKeys, input: Uint8Array | undefined): Uint8Array =>
  encodeCipherParcel({ stage, keyBodies, keys, input: input === undefined ? new Uint8Array() : bytesOf(input) });

/** The ciphertext in tensor bytes. Errors: TENSOR_INVALID, BYTES_REFUSED. */
export const bytesOf = (tensor: Uint8Array): Uint8Array => tensorCiphertext(decodeTensor(tensor));

/** Digest of a boundary's ciphertext; zero, which nobody votes for, where the bytes are none. */
export function cipherDigestOf(tensor: Uint8Array): Hex {
  try {
    return ciphertextDigest(tensor, portableHashes);
  } catch (error) {
    if (isAssayError(error)) return ZERO_BYTES32;
    throw error;
  }
}
