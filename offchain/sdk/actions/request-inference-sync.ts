// SPDX-License-Identifier: MIT
import type { Hex, TransactionReceipt } from "viem";
import { getTransactionReceipt, waitForTransactionReceipt } from "viem/actions";
import { getContractEvents } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import type { Tensor } from "../../core/tensor.ts";
import { checked } from "../checked.ts";
import { SdkError } from "../errors.ts";
import type { JobView } from "../job-view.ts";
import { pollUntil } from "../poll-until.ts";
import type { WalletLike } from "../send.ts";
import { deliverInput, type DeliverInputReturnType } from "./deliver-input.ts";
import { fetchResult } from "./fetch-result.ts";
import { getJob } from "./get-job.ts";
import {
  requestInference,
  type RequestInferenceParameters,
  type RequestInferenceReturnType,
} from "./request-inference.ts";

/** What happens to a job, in order. Slow-path and dispute stages occur only where needed. */
export type InferenceProgress =
  | { readonly stage: "requested"; readonly jobId: Hex; readonly hash: Hex; readonly gas: bigint }
  | { readonly stage: "seats drawn"; readonly seats: readonly number[] }
  | { readonly stage: "input delivered"; readonly reached: readonly number[]; readonly missing: readonly number[] }
  | { readonly stage: "committed"; readonly hash: Hex }
  | { readonly stage: "tallied"; readonly hash: Hex; readonly round: number; readonly accepted: boolean }
  | { readonly stage: "challenged"; readonly hash: Hex; readonly round: number }
  | { readonly stage: "slashed"; readonly workerId: number; readonly amount: bigint; readonly burned: bigint }
  | { readonly stage: "final"; readonly hash: Hex; readonly gas: bigint }
  | { readonly stage: "result opened"; readonly workerId: number };

export interface RequestInferenceSyncParameters extends RequestInferenceParameters {
  readonly onProgress?: ((progress: InferenceProgress) => void) | undefined;
  /** Awaited between the draw and the delivery: nothing has left this process yet. */
  readonly beforeDelivery?: ((seats: readonly number[]) => void | Promise<void>) | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
  /** For the whole job after its request; 10 minutes by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestInferenceSyncReturnType extends RequestInferenceReturnType {
  readonly output: Tensor;
  /** For `getReceipt`, if the receipt shall show the result. */
  readonly result: { readonly outputBytes: Uint8Array; readonly salt: Uint8Array | undefined };
  readonly view: JobView;
  readonly delivery: DeliverInputReturnType;
}

/**
 * Requests, delivers the input, waits for the end, fetches the result and checks it against the agreed digest.
 * Errors: those of `requestInference`, `deliverInput` and `fetchResult`; JOB_CLOSED with the reason and refund; JOB_TIMEOUT.
 *
 * @example
 * const { output } = await requestInferenceSync(wallet, { hub, manifest, input, crypto: nodeCrypto, onProgress: console.log });
 */
export async function requestInferenceSync(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
): Promise<RequestInferenceSyncReturnType> {
  const { hub, manifest, crypto, fromBlock, signal, onProgress = () => {}, pollMs = 500 } = parameters;
  const requested = await requestInference(client, parameters);
  const { jobId, job, secret, input } = requested;
  const mined = await checked("request", async () =>
    waitForTransactionReceipt(client, { hash: requested.hash, pollingInterval: Math.min(pollMs, 500) }),
  );
  if (mined.status !== "success") throw new SdkError("JOB_UNKNOWN", { jobId });
  onProgress({ stage: "requested", jobId, hash: requested.hash, gas: mined.gasUsed });
  const delivery = await deliverInput(client, {
    hub,
    crypto,
    jobId,
    job,
    manifest,
    input,
    secret,
    account: parameters.account,
    fromBlock,
    pollMs,
    signal,
    onSeats: async (seats) => {
      onProgress({ stage: "seats drawn", seats });
      await parameters.beforeDelivery?.(seats);
    },
  });
  const missing = delivery.failed.map(({ workerId }) => workerId);
  onProgress({ stage: "input delivered", reached: delivery.reached, missing });

  await waitForEnd(client, parameters, jobId, mined, onProgress);
  const view = await getJob(client, { hub, jobId, fromBlock: mined.blockNumber });
  if (view.outDigest === null)
    throw new SdkError("JOB_CLOSED", { jobId, reason: view.closedReason ?? view.state, refund: view.refund ?? 0n });
  const { k } = job.spec.policy;
  const result = await fetchResult(client, {
    hub,
    crypto,
    jobId,
    manifest,
    secret,
    outDigest: view.outDigest,
    // Seats that got the input first: one that was unreachable then is a bad first address now.
    seats: delivery.seats
      .slice(-k)
      .toSorted((a, b) => Number(missing.includes(a.workerId)) - Number(missing.includes(b.workerId))),
    fromBlock,
    signal,
  });
  onProgress({ stage: "result opened", workerId: result.workerId });
  const { outputBytes, salt, output } = result;
  return { ...requested, output, result: { outputBytes, salt }, view, delivery };
}

/** Follows the job's events until Finalized or Closed. Errors: JOB_TIMEOUT, INTERRUPTED. */
async function waitForEnd(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
  jobId: Hex,
  mined: TransactionReceipt,
  onProgress: (progress: InferenceProgress) => void,
): Promise<void> {
  const { hub, signal, pollMs = 500, timeoutMs = 600_000 } = parameters;
  const seen = new Set<string>();
  const ended = await pollUntil(
    async () => {
      const events = await checked("getLogs", async () =>
        getContractEvents(client, { address: hub, abi: assayHubAbi, fromBlock: mined.blockNumber, strict: true }),
      );
      for (const event of events) {
        const { args, transactionHash: hash } = event;
        const key = `${hash}/${event.logIndex}`;
        if (!("jobId" in args) || args.jobId !== jobId || seen.has(key)) continue;
        seen.add(key);
        if (event.eventName === "Committed" || event.eventName === "CommittedMany")
          onProgress({ stage: "committed", hash });
        if (event.eventName === "StageTallied")
          onProgress({ stage: "tallied", hash, round: event.args.round, accepted: BigInt(event.args.digest) !== 0n });
        if (event.eventName === "Challenged") onProgress({ stage: "challenged", hash, round: event.args.round });
        if (event.eventName === "Slashed") {
          const { workerId, amount, burned } = event.args;
          onProgress({ stage: "slashed", workerId, amount, burned });
        }
        if (event.eventName === "Closed") return true;
        if (event.eventName === "Finalized") {
          const { gasUsed } = await checked("getTransactionReceipt", async () =>
            getTransactionReceipt(client, { hash }),
          );
          onProgress({ stage: "final", hash, gas: gasUsed });
          return true;
        }
      }
      return undefined;
    },
    { doing: `waiting for job ${jobId}`, everyMs: pollMs, timeoutMs, signal },
  );
  if (ended === undefined) throw new SdkError("JOB_TIMEOUT", { jobId, ms: timeoutMs });
}
