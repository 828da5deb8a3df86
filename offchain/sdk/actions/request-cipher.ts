// SPDX-License-Identifier: MIT
import { ciphertextTensor, tensorCiphertext } from "../../core/she/ciphertext-tensor.ts";
import type { CipherKeySet } from "../../engines/she/client/cipher-key-set.ts";
import type { OpenedResult } from "../../engines/she/client/cipher-session.ts";
import { keepParcels } from "../kept-parcels.ts";
import type { WalletLike } from "../send.ts";
import {
  requestInferenceSync,
  type RequestInferenceSyncParameters,
  type RequestInferenceSyncReturnType,
} from "./request-inference-sync.ts";

export interface RequestCipherParameters extends Omit<
  RequestInferenceSyncParameters,
  "manifest" | "input" | "cipher" | "clientPart" | "privacy" | "preset"
> {
  /** The client's keys for the model. Only what they encrypt leaves this process. */
  readonly keys: CipherKeySet;
  /** One input each, as the integers that the plain program takes; as many as a ciphertext of the model carries. */
  readonly samples: readonly ArrayLike<number>[];
}

export interface RequestCipherReturnType extends RequestInferenceSyncReturnType {
  /** Decrypted after the job was final. Its values are for the key holder's eyes; what may be told others, `release` says. */
  readonly opened: OpenedResult;
  /** What the seats of each stage were given: ciphertext and evaluation keys, no secret. An auditor with them evaluates everything again. */
  readonly parcels: readonly Uint8Array[];
}

/**
 * Requests an inference on encrypted inputs under `critical-cipher`: encrypts, sends each stage's seats the keys that they need, waits until
 * quorum and window are over, fetches the result, and decrypts it only then.
 * Errors: KEYS_RETIRED, INPUT_OUT_OF_RANGE and NO_SAMPLE before anything is sent; those of `requestInferenceSync`; NOT_FINAL.
 *
 * @example
 * const keys = new CipherKeySet({ model, finish, finality: cipherFinality(wallet, { hub }), ledger, kernel, hashes, randomBytes });
 * const { opened } = await requestCipher(wallet, { hub, crypto: nodeCrypto, keys, samples: [pixels] });
 * console.log(await opened.release({ kind: "argmax" }));
 */
export async function requestCipher(
  client: WalletLike,
  parameters: RequestCipherParameters,
): Promise<RequestCipherReturnType> {
  const { keys, samples, ...rest } = parameters;
  const { parcel, parcels } = keepParcels((stage, bytes) => keys.parcel(stage, bytes));
  const input = ciphertextTensor(await keys.session.encrypt(samples));
  const done = await requestInferenceSync(client, {
    ...rest,
    preset: "critical-cipher",
    manifest: keys.model.manifest.model,
    input,
    cipher: { keySetRoot: keys.keySetRoot, parcel },
  });
  const opened = await keys.session.open(done.jobId, tensorCiphertext(done.output), samples.length);
  return { ...done, opened, parcels };
}
