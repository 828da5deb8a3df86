// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { blindedDigest } from "../../core/digest.ts";
import { hasCode } from "../../core/errors.ts";
import { areLanes, partsDigest } from "../../core/join.ts";
import { maskProgram, type MaskedProgram } from "../../core/masked/masked-program.ts";
import { openShares, shareInputs } from "../../core/masked/shares.ts";
import { decodeStages, programRoot } from "../../core/program/container.ts";
import { decodeProgram } from "../../core/program/decode-program.ts";
import type { Receipt } from "../../core/receipt.ts";
import { boundarySalt, INPUT_BOUNDARY, LANES } from "../../core/salts.ts";
import { encodeTensor, type Tensor } from "../../core/tensor.ts";
import { KIND_BLINDED } from "../../core/types.ts";
import { SdkError } from "../errors.ts";
import { createJobSecret, type JobSecret } from "../job-secret.ts";
import { openingOf, type JoinedInput } from "../joined-input.ts";
import type { WalletLike } from "../send.ts";
import { fetchResult } from "./fetch-result.ts";
import { getReceipt } from "./get-receipt.ts";
import {
  requestInferenceSync,
  type RequestInferenceSyncParameters,
  type RequestInferenceSyncReturnType,
} from "./request-inference-sync.ts";

export interface RequestMaskedParameters extends Omit<
  RequestInferenceSyncParameters,
  "input" | "secret" | "nonce" | "via"
> {
  /** Never leaves this process: each lane gets one additive share of it, which alone is independent of it. */
  readonly input: Tensor;
  /** The model folder's `program` file: the client runs what follows the masked operator. */
  readonly program: Uint8Array;
  /** Jobs to try, each with fresh masks, if one closes without a result; 2 by default. */
  readonly attempts?: number | undefined;
}

export interface RequestMaskedReturnType extends Omit<
  RequestInferenceSyncReturnType,
  "output" | "outputs" | "result" | "input" | "statements" | "release" | "clientClaims"
> {
  /** The model's output: the client's own work on both lanes' sums, which nothing proves. */
  readonly output: Tensor;
  /** Of the lanes' votes. */
  readonly receipt: Receipt;
  /** Both shares, which together are the input: what its owner shows an auditor, and nobody else. */
  readonly opening: Uint8Array;
}

/** Two seats a lane, both needed: each more seat is one more that could collude with the other lane (split.md section 4). */
const LANE_SEATS = 2;

/**
 * Requests a MASKED job: the model's first linear operator on two additive shares, one a lane, whose operators never meet, and all that
 * follows here. Fresh masks for every job; a seat learns its own share, its salts and the other share's blinded digest.
 * Errors: NOT_SUPPORTED for a model without lanes, those of `requestInferenceSync`, MODEL_MISMATCH for another program; LANE_MISMATCH when the
 * lanes' agreed shares add up to an impossible value; JOB_CLOSED when every attempt ended without a result.
 *
 * @example
 * const image = await requestMasked(wallet, { hub, crypto, manifest, program, input: pixels });
 */
export async function requestMasked(
  client: WalletLike,
  parameters: RequestMaskedParameters,
): Promise<RequestMaskedReturnType> {
  const masked = loadMasked(parameters);
  const { attempts = 2 } = parameters;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await requestOnce(client, parameters, masked);
    } catch (error) {
      // The same shares may be sent to nobody else: a mask that meets two committees is worth less than one.
      if (attempt >= attempts || !hasCode(error, "JOB_CLOSED")) throw error;
    }
  }
}

function loadMasked({ manifest, program }: RequestMaskedParameters): MaskedProgram {
  if (!areLanes(manifest.stages))
    throw new SdkError("NOT_SUPPORTED", { what: "a MASKED job of a model without lanes" });
  const stages = decodeStages(program);
  const [bytes] = stages;
  if (bytes === undefined || programRoot(stages) !== manifest.programRoot)
    throw new SdkError("MODEL_MISMATCH", { name: manifest.name });
  const { program: decoded, analysis } = decodeProgram(bytes);
  return maskProgram(decoded, analysis);
}

/** Two shares under fresh masks and salts, as the job's input. */
function shareOut(
  masked: MaskedProgram,
  input: Tensor,
  secret: JobSecret,
  randomBytes: (n: number) => Uint8Array,
): JoinedInput {
  const { laneA, laneB } = shareInputs(masked, [input], randomBytes);
  const shares = [laneA, laneB].map(([share], lane) => {
    const tensor = encodeTensor(share as Tensor);
    const salt = boundarySalt(
      secret.reveal(),
      INPUT_BOUNDARY,
      KIND_BLINDED,
      lane === 0 ? LANES.A : LANES.B,
    ) as Uint8Array;
    return { tensor, salt, digest: blindedDigest(tensor, salt) };
  });
  return {
    digest: partsDigest(
      KIND_BLINDED,
      shares.map(({ digest }) => digest),
    ),
    // One lane's share and the other's digest: with both shares a seat would read the input.
    partsFor: (stage) =>
      shares.map(({ tensor, salt, digest }, lane) => (lane === stage ? { tensor, salt } : { digest })),
    parents: [],
    opening: openingOf(shares.map(({ tensor, salt }) => ({ tensor, salt }))),
  };
}

async function requestOnce(
  client: WalletLike,
  parameters: RequestMaskedParameters,
  masked: MaskedProgram,
): Promise<RequestMaskedReturnType> {
  const { hub, crypto, manifest, fromBlock, signal } = parameters;
  const secret = createJobSecret(crypto);
  const input = shareOut(masked, parameters.input, secret, (length) => crypto.randomBytes(length));
  const k = parameters.policy?.k ?? LANE_SEATS;
  const laneB = await requestInferenceSync(client, {
    ...parameters,
    policy: { ...parameters.policy, k },
    input,
    secret,
  });
  const { jobId } = laneB;
  const receipt = await getReceipt(client, { hub, jobId, manifest, fromBlock });
  const laneA = await fetchResult(client, {
    hub,
    crypto,
    jobId,
    manifest,
    secret,
    stage: 0,
    outDigest: receipt.record.boundaries[0] ?? ("0x" satisfies Hex),
    seats: laneB.delivery.seats.slice(0, k),
    fromBlock,
    signal,
  });
  return {
    jobId,
    job: laneB.job,
    secret,
    escrow: laneB.escrow,
    hash: laneB.hash,
    view: laneB.view,
    delivery: laneB.delivery,
    output: openShares(masked, laneA.output, laneB.output),
    receipt,
    opening: input.opening,
  };
}
