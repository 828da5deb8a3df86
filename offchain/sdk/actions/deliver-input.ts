// SPDX-License-Identifier: MIT
import type { Account, Address, Hex } from "viem";
import { splitBlob } from "../../core/blob.ts";
import { fromHex } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import type { AssayError } from "../../core/errors.ts";
import { jobTable } from "../../core/network-part.ts";
import { INPUT_BOUNDARY } from "../../core/salts.ts";
import { canSealTo, sealBlob, sealContext, sealRecipients } from "../../core/seal.ts";
import { encodeSealedInput, type BoundarySalt } from "../../core/sealed-input.ts";
import { tensorCiphertext } from "../../core/she/ciphertext-tensor.ts";
import { decodeTensor } from "../../core/tensor.ts";
import { ENCLAVE, FLAG_STANDBY, OPTIMISTIC, type Job, type ModelManifest } from "../../core/types.ts";
import { quorum } from "../../core/vote.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { isJoinedInput, type JoinedInput } from "../joined-input.ts";
import type { JobSecret } from "../job-secret.ts";
import { findEnclaves, type EnclaveTrust } from "../find-enclaves.ts";
import { pollUntil } from "../poll-until.ts";
import { deliverTo, readTimes, stageSalts, type Delivery, type Parcel, type Recipient } from "../push-sealed.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { getSeats } from "./get-seats.ts";
import type { CipherParcels } from "./request-inference.ts";
import { getWorkerProfiles, type WorkerProfile } from "./get-worker-profiles.ts";

export interface DeliverInputParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly jobId: Hex;
  readonly job: Job;
  readonly manifest: ModelManifest;
  /** Canonical tensor bytes, or the parts of a joined input, as `requestInference` returned them. */
  readonly input: Uint8Array | JoinedInput;
  /** Of a job over ciphertexts. */
  readonly cipher?: CipherParcels | undefined;
  readonly secret: JobSecret;
  /** Requester, or `spec.client` where a contract requested. */
  readonly account?: Account | Address | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
  /** Which enclaves may see the input of a job that asks for one. */
  readonly enclaves?: EnclaveTrust | undefined;
  /** Of `sealForCommittee`: goes to all seats as it is, instead of an input sealed to those that were drawn. */
  readonly sealed?: Uint8Array | undefined;
  /** How long to wait for the draw; 60 s by default. */
  readonly seatsTimeoutMs?: number | undefined;
  /** How long to try a seat that cannot be reached or refuses, once a quorum has the input; 4 s by default. */
  readonly seatTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sends a transaction of this account; one after the other, where the caller sends others. */
  readonly send?: (<T>(action: () => Promise<T>) => Promise<T>) | undefined;
  readonly onSeats?: ((workerIds: readonly number[]) => void | Promise<void>) | undefined;
}

export interface DeliverInputReturnType {
  /** In seat order, with their signing addresses: `fetchResult` wants them. */
  readonly seats: readonly { readonly workerId: number; readonly signer: Address }[];
  readonly reached: readonly number[];
  readonly failed: readonly { readonly workerId: number; readonly error: AssayError }[];
}

type Failed = DeliverInputReturnType["failed"][number];

/**
 * Waits for the draw, then pushes the input to each seat's endpoint: sealed to its registered key with the stage's salts, or as it is
 * if the model's boundaries are PUBLIC. A sampled (OPTIMISTIC) job's input goes to its first k candidates: the first answers, and
 * the others audit a private input, or watch. Busy and slow seats are tried until the input is of no use to them any more.
 * Of a job with standbys it is no error if fewer take it: `deliverToStandbys` gives it to those who fill their seats.
 * `onSeats` is called between the two: what it returns is awaited, so a caller can decide whom the job fell to before anything leaves.
 * The input of a job that asks for an enclave is sealed to registered enclaves' keys only (`findEnclaves`); a candidate without one that
 * `enclaves` admits is among `failed`, with ENCLAVE_REFUSED, and gets nothing.
 * Errors: SEATS_UNKNOWN; DELIVERY_FAILED when a stage's seats that took the input cannot make a quorum; INTERRUPTED; JOB_UNKNOWN;
 * RPC_UNAVAILABLE.
 *
 * @example
 * const { reached } = await deliverInput(wallet, { hub, crypto: nodeCrypto, manifest, ...requested });
 */
export async function deliverInput(
  client: WalletLike,
  parameters: DeliverInputParameters,
): Promise<DeliverInputReturnType> {
  const { hub, jobId, job, manifest, signal, onSeats } = parameters;
  const { k, ticketClass } = job.spec.policy;
  const timeoutMs = parameters.seatsTimeoutMs ?? 60_000;
  const seats = await pollUntil(
    async () => (await getSeats(client, { hub, jobId, seats: job.spec.stages * k, ticketClass })) ?? undefined,
    { doing: "waiting for the seats", everyMs: parameters.pollMs ?? 500, timeoutMs, signal },
  );
  if (seats === undefined) throw new SdkError("SEATS_UNKNOWN", { jobId, ms: timeoutMs });
  await onSeats?.(seats.map(({ workerId }) => workerId));
  const stages = await deliverToSeats(
    client,
    parameters,
    jobTable(manifest).map((_, stage) => ({ stage, seats: seats.slice(stage * k, (stage + 1) * k) })),
  );
  // Of a sampled job one answers; the others that have the input are its auditors, and watch. Standbys wait where seats are lost.
  const isFilled = (job.spec.policy.flags & FLAG_STANDBY) !== 0;
  const need = isFilled ? 0 : (job.spec.policy.mask & OPTIMISTIC) === 0 ? quorum(k) : 1;
  const short = stages.find(({ reached }) => reached.length < need);
  if (short !== undefined)
    throw new SdkError(
      "DELIVERY_FAILED",
      { jobId, reached: short.reached.length, seats: k, quorum: need },
      { cause: short.failed[0]?.error },
    );
  return {
    seats,
    reached: stages.flatMap(({ reached }) => reached),
    failed: stages.flatMap(({ failed }) => failed),
  };
}

/** Seats of one stage that get what it needs. */
export interface StageRecipients {
  readonly stage: number;
  readonly seats: DeliverInputReturnType["seats"];
}

/** What became of each stage's delivery, in the given order. Errors: RPC_UNAVAILABLE, ACCOUNT_MISSING. */
export async function deliverToSeats(
  client: WalletLike,
  parameters: DeliverInputParameters,
  stages: readonly StageRecipients[],
): Promise<Pick<DeliverInputReturnType, "reached" | "failed">[]> {
  const { hub, crypto, fromBlock } = parameters;
  const account = accountOf(client, parameters.account, "deliverInput");
  const workerIds = stages.flatMap(({ seats }) => seats.map(({ workerId }) => workerId));
  const [{ chainId }, profiles, times] = await Promise.all([
    getDeployment(client, hub),
    getWorkerProfiles(client, { hub, workerIds, fromBlock }),
    readTimes(client, parameters),
  ]);
  const delivery: Delivery = { ...parameters, chainId, account, ...times };
  const inside = await enclavesOf(client, parameters, stages);
  return Promise.all(
    stages.map(async ({ stage, seats: all }) => {
      const seats = all.filter(({ workerId }) => inside?.refused.has(workerId) !== true);
      const known = seats.flatMap(({ workerId, signer }): Recipient[] => {
        const own = profiles.get(workerId);
        const profile = own === undefined || inside === undefined ? own : { ...own, sealKey: inside.sealKey(signer) };
        return profile === undefined || !canSealTo(crypto, fromHex(profile.sealKey, 32)) ? [] : [{ profile, signer }];
      });
      const strangers = seats
        .filter(({ workerId }) => known.every(({ profile }) => profile.workerId !== workerId))
        .map(({ workerId }): Failed => ({ workerId, error: new SdkError("PROFILE_MISSING", { worker: workerId }) }));
      const refused = all.flatMap(({ workerId }) => inside?.refused.get(workerId) ?? []);
      return deliverStage(client, delivery, stage, known, [...strangers, ...refused]);
    }),
  );
}

/** Of a job that asks for enclaves: the key of each seat's, and the seats that have none to trust; undefined of other jobs. */
async function enclavesOf(client: WalletLike, parameters: DeliverInputParameters, stages: readonly StageRecipients[]) {
  const { hub, job, fromBlock, enclaves } = parameters;
  const { modelId, policy, expiry } = job.spec;
  if ((policy.mask & ENCLAVE) === 0) return undefined;
  const seats = stages.flatMap((one) => one.seats);
  const workers = seats.map(({ signer }) => signer);
  const { found, refused } = await findEnclaves(client, { hub, modelId, workers, until: expiry, trust: enclaves, fromBlock }); // prettier-ignore
  const failed = seats.flatMap(({ workerId, signer }): [number, Failed][] => {
    const why = refused.get(signer.toLowerCase());
    return why === undefined ? [] : [[workerId, { workerId, error: new SdkError("ENCLAVE_REFUSED", { worker: workerId, why }) }]]; // prettier-ignore
  });
  return {
    refused: new Map(failed),
    sealKey: (signer: Address): Hex => found.get(signer.toLowerCase())?.sealKey ?? "0x",
  };
}

async function deliverStage(
  client: WalletLike,
  delivery: Delivery,
  stage: number,
  recipients: readonly Recipient[],
  strangers: readonly Failed[],
): Promise<{ readonly reached: readonly number[]; readonly failed: readonly Failed[] }> {
  if (recipients.length === 0) return { reached: [], failed: strangers };
  const { sealed } = delivery;
  const profiles = recipients.map(({ profile }) => profile);
  const parcel =
    sealed === undefined
      ? packStage(delivery, stage, profiles)
      : { boundary: INPUT_BOUNDARY, blob: splitBlob(sealed), bytes: sealed.length };
  // A stage between PUBLIC boundaries: its producers send all it needs.
  if (parcel === undefined) return { reached: recipients.map(({ profile }) => profile.workerId), failed: strangers };
  const reached: number[] = [];
  const failed: Failed[] = [...strangers];
  const isEnough = (): boolean => reached.length >= quorum(delivery.job.spec.policy.k);
  await Promise.all(
    recipients.map(async (recipient) => {
      const { workerId } = recipient.profile;
      const error = await deliverTo(client, delivery, parcel, recipient, isEnough);
      if (error === undefined) reached.push(workerId);
      else failed.push({ workerId, error });
    }),
  );
  return { reached, failed };
}

/** What all seats of a stage get: the input as it is, or one sealed blob with what the stage reads and the salts of its ends. */
function packStage(delivery: Delivery, stage: number, profiles: readonly WorkerProfile[]): Parcel | undefined {
  const { manifest, secret, input, cipher } = delivery;
  const info = jobTable(manifest)[stage];
  const producers = info?.producers ?? [];
  const salts = stageSalts(manifest, secret, stage);
  const readsInput = producers.includes(INPUT_BOUNDARY);
  if (cipher !== undefined && !isJoinedInput(input)) {
    const boundary = producers[0] ?? INPUT_BOUNDARY;
    const plain = cipher.parcel(stage, readsInput ? tensorCiphertext(decodeTensor(input)) : null);
    return sealParcel(delivery, profiles, { boundary, plain });
  }
  if (isJoinedInput(input)) return sealParcel(delivery, profiles, packParts(input, stage, salts, readsInput));
  if (salts.length === 0)
    return readsInput ? { boundary: INPUT_BOUNDARY, blob: splitBlob(input), bytes: input.length } : undefined;
  const tensors = readsInput ? [{ boundary: INPUT_BOUNDARY, tensor: input }] : [];
  const boundary = readsInput ? INPUT_BOUNDARY : (producers[0] ?? INPUT_BOUNDARY);
  return sealParcel(delivery, profiles, { boundary, plain: encodeSealedInput({ stage, salts, tensors }) });
}

interface Plain {
  readonly boundary: number;
  /** Zeroed when sealed. */
  readonly plain: Uint8Array;
}

/** A stage's parts of a joined input; of one part, what any other input would be. The parts bring their own salts. */
function packParts(input: JoinedInput, stage: number, salts: readonly BoundarySalt[], readsInput: boolean): Plain {
  const boundary = readsInput ? INPUT_BOUNDARY : (salts[0]?.boundary ?? stage);
  const own = salts.filter((one) => one.boundary !== INPUT_BOUNDARY);
  if (!readsInput) return { boundary, plain: encodeSealedInput({ stage, salts: own, tensors: [] }) };
  const parts = input.partsFor(stage);
  const [only] = parts;
  if (parts.length !== 1 || only === undefined || !("tensor" in only))
    return { boundary, plain: encodeSealedInput({ stage, salts: own, tensors: [], parts }) };
  const salted = only.salt.length === 0 ? own : [...own, { boundary: INPUT_BOUNDARY, salt: only.salt }];
  const tensors = [{ boundary: INPUT_BOUNDARY, tensor: only.tensor }];
  return { boundary, plain: encodeSealedInput({ stage, salts: salted, tensors }) };
}

function sealParcel(delivery: Delivery, profiles: readonly WorkerProfile[], { boundary, plain }: Plain): Parcel {
  const { crypto, jobId, chainId, hub, account } = delivery;
  const sender: Hex = `0x${account.address.slice(2).toLowerCase()}`;
  const context = sealContext({ chainId: BigInt(chainId), hub, jobId, boundary, lane: 0, sender });
  const sealed = sealBlob(crypto, {
    context,
    recipients: sealRecipients(
      crypto,
      profiles.map(({ sealKey }) => sealKey),
    ),
    plain,
  });
  plain.fill(0);
  return { boundary, blob: splitBlob(sealed), bytes: sealed.length };
}
