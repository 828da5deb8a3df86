// SPDX-License-Identifier: MIT
import { hasCode } from "../../core/errors.ts";
import { encodeManifestFile } from "../../core/manifest.ts";
import type { RefreshedReceipt } from "../../core/refreshed-receipt.ts";
import { ciphertextTensor, tensorCiphertext } from "../../core/she/ciphertext-tensor.ts";
import { ZERO_BYTES32, type Parent } from "../../core/types.ts";
import type { RefreshKeySet } from "../../engines/she/client/refresh-key-set.ts";
import { SdkError } from "../errors.ts";
import { keepParcels } from "../kept-parcels.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { signFeed } from "../sign-feed.ts";
import { getReceipt } from "./get-receipt.ts";
import type { RequestCipherParameters } from "./request-cipher.ts";
import {
  requestInferenceSync,
  type RequestInferenceSyncParameters,
  type RequestInferenceSyncReturnType,
} from "./request-inference-sync.ts";

export interface RequestRefreshedParameters extends Omit<RequestCipherParameters, "keys" | "samples" | "nonce"> {
  /** The client's keys for all steps. Only what they encrypt leaves this process. */
  readonly keys: RefreshKeySet;
  /** The integers that the plain program takes. */
  readonly sample: ArrayLike<number>;
  /** Jobs to try for each step, each with a fresh ciphertext, if one closes without a result; 2 by default. */
  readonly attempts?: number | undefined;
  /** Before a step's first job. */
  readonly onStep?: ((step: number) => void) | undefined;
}

export interface RefreshedStepJob extends RequestInferenceSyncReturnType {
  /** What its seats were given, for auditors: ciphertext and evaluation keys, no secret. */
  readonly parcels: readonly Uint8Array[];
}

export interface RequestRefreshedReturnType {
  /** The integer program's result, bit for bit. Nobody else has seen it, nor any activation. */
  readonly output: Int32Array;
  /** A job a step, in order. */
  readonly jobs: readonly RefreshedStepJob[];
  /** Signed when all jobs were final: one word a refresh, whatever was tried again. */
  readonly refreshes: readonly Parent[];
  /** All jobs' receipts with the refreshes between them, for `verifyRefreshed`. */
  readonly receipt: RefreshedReceipt;
}

/**
 * Requests an inference of an integer program with ReLU or any other table on encrypted inputs: a `critical-cipher` job for each linear
 * step, and between two of them, decrypted only when the hub holds the job to be final, the program's own rounding and activation here,
 * encrypted afresh. With `keys` that have linear checks a wrong step is found without an honest majority.
 * Errors: KEYS_RETIRED and INPUT_OUT_OF_RANGE before anything is sent; those of `requestInferenceSync`; JOB_CLOSED when every attempt at a
 * step ended without a result; NOT_FINAL; CHECK_FAILED, upon which the keys are retired already.
 *
 * @example
 * const keys = new RefreshKeySet({ models, finality: cipherFinality(wallet, { hub }), ledger, kernel, hashes, randomBytes });
 * const { output, receipt } = await requestRefreshed(wallet, { hub, crypto: nodeCrypto, keys, sample: pixels });
 */
export async function requestRefreshed(
  client: WalletLike,
  parameters: RequestRefreshedParameters,
): Promise<RequestRefreshedReturnType> {
  const { keys, sample, onStep, attempts, ...rest } = parameters;
  const jobs: RefreshedStepJob[] = [];
  let values: ArrayLike<number> = sample;
  for (const step of keys.steps.keys()) {
    onStep?.(step);
    const done = await requestStep(client, rest, { keys, step, values, attempts: attempts ?? 2 });
    jobs.push(done);
    values = await keys.session.finish(step, values, done.jobId, tensorCiphertext(done.output));
  }
  const refreshes = await signRefreshes(client, parameters, jobs);
  const { hub, fromBlock } = parameters;
  const steps = await Promise.all(
    jobs.map(async ({ jobId }, i) => {
      const { model, tools } = keys.steps[i]?.model.manifest ?? {};
      if (model === undefined || tools === undefined) throw new SdkError("JOB_UNKNOWN", { jobId });
      const receipt = await getReceipt(client, { hub, jobId, manifest: model, fromBlock });
      return { receipt, manifest: encodeManifestFile(model, tools) };
    }),
  );
  return { output: Int32Array.from(values), jobs, refreshes, receipt: { steps, refreshes } };
}

interface Step {
  readonly keys: RefreshKeySet;
  readonly step: number;
  readonly values: ArrayLike<number>;
  readonly attempts: number;
}

async function requestStep(
  client: WalletLike,
  rest: Omit<RequestInferenceSyncParameters, "manifest" | "input">,
  { keys, step, values, attempts }: Step,
): Promise<RefreshedStepJob> {
  const model = keys.steps[step]?.model.manifest.model;
  if (model === undefined) throw new SdkError("NOT_SUPPORTED", { what: `step ${step} of a program that has fewer` });
  for (let attempt = 1; ; attempt += 1) {
    const { parcel, parcels } = keepParcels((_stage, bytes) => keys.parcel(step, bytes));
    try {
      const done = await requestInferenceSync(client, {
        ...rest,
        preset: "critical-cipher",
        manifest: model,
        input: ciphertextTensor(await keys.session.encrypt(step, values)),
        cipher: { keySetRoot: keys.keySetRoot(step), parcel },
      });
      return { ...done, parcels };
    } catch (error) {
      if (attempt >= attempts || !hasCode(error, "JOB_CLOSED")) throw error;
    }
  }
}

async function signRefreshes(
  client: WalletLike,
  { hub, account: given }: RequestRefreshedParameters,
  jobs: readonly RequestInferenceSyncReturnType[],
): Promise<Parent[]> {
  const account = accountOf(client, given, "requestRefreshed");
  const refreshes: Parent[] = [];
  for (const [i, { jobId, view }] of jobs.slice(0, -1).entries()) {
    const fedDigest = jobs[i + 1]?.job.spec.inDigest ?? ZERO_BYTES32;
    const { outDigest, recordHash } = view;
    if (outDigest === null || recordHash === null) throw new SdkError("JOB_UNKNOWN", { jobId });
    refreshes.push(await signFeed(client, { hub, account }, { jobId, outDigest, recordHash, fedDigest }));
  }
  return refreshes;
}
