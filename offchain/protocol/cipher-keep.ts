// SPDX-License-Identifier: GPL-3.0-or-later
import {
  decodeCipherParcel,
  encodeCipherParcel,
  MAX_CIPHERTEXT_BYTES,
  MAX_PARCEL_BYTES,
} from "../core/she/cipher-parcel.ts";
import type { Hex, ProtocolModules } from "./ports.ts";

/** Where a seat's own evaluation of an encrypted stage lies: in the journal, beside the vote. */
export interface KeptStage {
  readonly stage: number;
  readonly round: number;
  /** What the stage took, by the chain, and what this seat voted for. */
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  /** Blobs of this worker: a parcel (`encodeCipherParcel`) with the input in it, and the output's canonical bytes. */
  readonly parcel: Hex;
  readonly output: Hex;
}

/** All that a trace of the evaluation is made of, beside model and plan. The same words as `CipherWork` of engines/she. */
export interface KeptWork {
  readonly inDigest: Hex;
  readonly input: Uint8Array;
  /** The job's `inputRef`. */
  readonly keySetRoot: Hex;
  readonly keyBodies: readonly Hex[];
  readonly keys: readonly Uint8Array[];
}

export type KeepModules = Pick<ProtocolModules, "blobs">;

/**
 * Keeps what a seat evaluated until `expiresAtMs`, so that it can stand for its digest, or contest another, long after the vote and
 * across restarts. Nothing of it is secret from this worker. Error: QUOTA_EXCEEDED.
 */
export async function keepStage(
  kept: Omit<KeptStage, "parcel" | "output">,
  work: Omit<KeptWork, "keySetRoot" | "inDigest">,
  output: Uint8Array,
  { blobs, ...more }: KeepModules & { readonly expiresAtMs: number },
): Promise<KeptStage> {
  // Chain time has fractions of a second between blocks; stores take whole milliseconds.
  const expiresAtMs = Math.ceil(more.expiresAtMs);
  const { keyBodies, keys, input } = work;
  const parcel = await blobs.keep(encodeCipherParcel({ stage: kept.stage, keyBodies, keys, input }), expiresAtMs);
  return { ...kept, parcel, output: await blobs.keep(output, expiresAtMs) };
}

/**
 * What was evaluated, for a trace; null where the blobs are gone. `keySetRoot`: the job's `inputRef`. Errors: those of the store and of
 * `decodeCipherParcel`.
 */
export async function readKeptWork(
  { inDigest, parcel }: KeptStage,
  keySetRoot: Hex,
  { blobs }: KeepModules,
): Promise<KeptWork | null> {
  const bytes = await blobs.read(parcel, MAX_PARCEL_BYTES);
  if (bytes === null) return null;
  const { input, keyBodies, keys } = decodeCipherParcel(bytes);
  return { inDigest, input, keySetRoot, keyBodies, keys };
}

/** The output's canonical ciphertext bytes; null where the blob is gone. */
export const readKeptOutput = async ({ output }: KeptStage, { blobs }: KeepModules): Promise<Uint8Array | null> =>
  blobs.read(output, MAX_CIPHERTEXT_BYTES);
