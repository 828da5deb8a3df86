// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { boundaryDigest, decodeBatch } from "../../core/batch-tensors.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { isAssayError } from "../../core/errors.ts";
import { laneOf } from "../../core/join.ts";
import { jobTable } from "../../core/network-part.ts";
import { encodeResultRequest, MAX_RESULT_BYTES, RESULT_PROTOCOL } from "../../core/result-request.ts";
import { openSealedBlob, sealContext } from "../../core/seal.ts";
import { decodeTensor, type Tensor } from "../../core/tensor.ts";
import type { DigestKind, ModelManifest } from "../../core/types.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { outputSalt, resultKeyPair, type JobSecret } from "../job-secret.ts";
import { pollUntil } from "../poll-until.ts";
import { callSeat } from "../seat-call.ts";
import { getWorkerProfiles } from "./get-worker-profiles.ts";

export interface FetchResultParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly jobId: Hex;
  readonly manifest: ModelManifest;
  readonly secret: JobSecret;
  /** The digest that the job ended with, from the chain. */
  readonly outDigest: Hex;
  /** Of a batch, from the job's flags (`batchCount`); a single input by default. */
  readonly inputs?: number | undefined;
  /** Whose result: the last stage by default; of a MASKED job stage 0 is lane A. */
  readonly stage?: number | undefined;
  /** Seats of that stage with their signing addresses; the first that delivers the agreed result is taken. */
  readonly seats: readonly { readonly workerId: number; readonly signer: Address }[];
  readonly fromBlock?: bigint | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
export interface FetchResultReturnType {
  /** The first of a batch. */
  readonly output: Tensor;
  readonly outputs: readonly Tensor[];
  /** Canonical tensor bytes, of a batch all of them: `batchLeaf` shows a consumer one without the others. */
  readonly outputBytes: Uint8Array;
  readonly salt: Uint8Array | undefined;
  readonly workerId: number;
}

/**
 * Fetches the sealed result from a seat, opens it and checks it against the agreed digest: it does not matter whom it comes from.
 * Errors: RESULT_UNAVAILABLE (its cause is the last seat's failure, RESULT_MISMATCH among them); INTERRUPTED.
 *
 * @example
 * const { output } = await fetchResult(client, { hub, crypto: nodeCrypto, jobId, manifest, secret, outDigest, seats });
 */
export async function fetchResult(client: Client, parameters: FetchResultParameters): Promise<FetchResultReturnType> {
  const { hub, seats, jobId, signal } = parameters;
  const { chainId } = await getDeployment(client, hub);
  const workerIds = seats.map(({ workerId }) => workerId);
  const profiles = await getWorkerProfiles(client, { hub, workerIds, fromBlock: parameters.fromBlock });
  let failure: unknown;
  const found = await pollUntil(
    async () => {
      for (const { workerId, signer } of seats) {
        const profile = profiles.get(workerId);
        if (profile === undefined) continue;
        try {
          const sealed = await callSeat(parameters.crypto, {
            profile,
            protocol: RESULT_PROTOCOL,
            request: encodeResultRequest(jobId),
            maxReplyBytes: MAX_RESULT_BYTES,
            timeoutMs: 5_000,
            signal,
          });
          return openResult(parameters, BigInt(chainId), { workerId, signer }, sealed);
        } catch (error) {
          if (!isAssayError(error)) throw error;
          failure = error;
        }
      }
      return undefined;
    },
    { doing: "fetching the result", everyMs: 300, timeoutMs: parameters.timeoutMs ?? 15_000, signal },
  );
  if (found === undefined) throw new SdkError("RESULT_UNAVAILABLE", { jobId }, { cause: failure });
  return found;
}

function openResult(
  parameters: FetchResultParameters,
  chainId: bigint,
  seat: { workerId: number; signer: Address },
  sealed: Uint8Array,
): FetchResultReturnType {
  const { crypto, hub, jobId, manifest, secret, outDigest } = parameters;
  const table = jobTable(manifest);
  const stage = parameters.stage ?? table.length - 1;
  const sender: Hex = `0x${seat.signer.slice(2).toLowerCase()}`;
  const context = sealContext({ chainId, hub, jobId, boundary: stage, lane: 0, sender });
  const { privateKey } = resultKeyPair(crypto, secret);
  const outputBytes = openSealedBlob(crypto, sealed, { context, privateKey });
  const kind = (table[stage]?.outKind ?? 0) as DigestKind;
  const salt = outputSalt(secret, stage, kind, laneOf(table, stage));
  const inputs = parameters.inputs ?? 0;
  if (boundaryDigest(kind, outputBytes, salt, inputs) !== outDigest.toLowerCase())
    throw new SdkError("RESULT_MISMATCH", { worker: seat.workerId });
  const outputs = (inputs === 0 ? [outputBytes] : decodeBatch(outputBytes)).map((bytes) => decodeTensor(bytes));
  const [output] = outputs;
  if (output === undefined) throw new SdkError("RESULT_MISMATCH", { worker: seat.workerId });
  return { output, outputs, outputBytes, salt, workerId: seat.workerId };
}
