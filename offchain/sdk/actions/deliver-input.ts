// SPDX-License-Identifier: MIT
import { hexToBytes, serializeCompactSignature, signatureToCompactSignature, parseSignature } from "viem";
import type { Account, Address, Hex } from "viem";
import { getBlock, readContract, signTypedData } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { splitBlob, type SplitBlob } from "../../core/blob.ts";
import { encodePut, PUT_PROTOCOL, PUT_STORED } from "../../core/blob-put.ts";
import { fromHex, toHex } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { bodyHashOf, encodeEnvelope } from "../../core/envelope.ts";
import { isAssayError, type AssayError } from "../../core/errors.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL, type OfferReply } from "../../core/messages.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../core/salts.ts";
import { canSealTo, sealBlob, sealContext, sealRecipients } from "../../core/seal.ts";
import { ABSTAIN_SHARE } from "../../core/seat-timing.ts";
import { encodeSealedInput } from "../../core/sealed-input.ts";
import { unpackSignature } from "../../core/signature.ts";
import type { DigestKind, Job, ModelManifest } from "../../core/types.ts";
import { quorum } from "../../core/vote.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import type { JobSecret } from "../job-secret.ts";
import { pollUntil } from "../poll-until.ts";
import { callSeat, isTimeout } from "../seat-call.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { getSeats } from "./get-seats.ts";
import { getWorkerProfiles, type WorkerProfile } from "./get-worker-profiles.ts";

export interface DeliverInputParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly jobId: Hex;
  readonly job: Job;
  readonly manifest: ModelManifest;
  /** Canonical tensor bytes, as `requestInference` returned them. */
  readonly input: Uint8Array;
  readonly secret: JobSecret;
  /** Requester, or `spec.client` where a contract requested. */
  readonly account?: Account | Address | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
  /** How long to wait for the draw; 60 s by default. */
  readonly seatsTimeoutMs?: number | undefined;
  /** How long to try a seat that cannot be reached or refuses, once a quorum has the input; 4 s by default. */
  readonly seatTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onSeats?: ((workerIds: readonly number[]) => void | Promise<void>) | undefined;
}

export interface DeliverInputReturnType {
  /** In seat order, with their signing addresses: `fetchResult` wants them. */
  readonly seats: readonly { readonly workerId: number; readonly signer: Address }[];
  readonly reached: readonly number[];
  readonly failed: readonly { readonly workerId: number; readonly error: AssayError }[];
}

interface Delivery extends DeliverInputParameters {
  readonly chainId: number;
  readonly account: Account;
  /** The chain's time, by this process' clock since one block was read; Unix seconds. */
  readonly chainTime: () => number;
  /** When the seats stop waiting for the input; the same clock. */
  readonly inputDeadline: number;
}
interface Parcel {
  readonly boundary: number;
  readonly blob: SplitBlob;
  readonly bytes: number;
}
interface Recipient {
  readonly profile: WorkerProfile;
  readonly signer: Address;
}
type Failed = DeliverInputReturnType["failed"][number];

const PAUSE_MS = 250;
const CALL_TIMEOUT_MS = 5_000;
let lastSeq = 0n;

/**
 * Waits for the draw, then pushes the input to each seat's endpoint: sealed to its registered key with the stage's salts, or as it is
 * if the model's boundaries are PUBLIC. Busy and slow seats are tried until the input is of no use to them any more.
 * `onSeats` is called between the two: what it returns is awaited, so a caller can decide whom the job fell to before anything leaves.
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
  const account = accountOf(client, parameters.account, "deliverInput");
  const { chainId } = await getDeployment(client, hub);
  const { k, ticketClass } = job.spec.policy;
  const timeoutMs = parameters.seatsTimeoutMs ?? 60_000;
  const seats = await pollUntil(
    async () => (await getSeats(client, { hub, jobId, seats: job.spec.stages * k, ticketClass })) ?? undefined,
    { doing: "waiting for the seats", everyMs: parameters.pollMs ?? 500, timeoutMs, signal },
  );
  if (seats === undefined) throw new SdkError("SEATS_UNKNOWN", { jobId, ms: timeoutMs });
  const workerIds = seats.map(({ workerId }) => workerId);
  await onSeats?.(workerIds);

  const [profiles, times] = await Promise.all([
    getWorkerProfiles(client, { hub, workerIds, fromBlock: parameters.fromBlock }),
    readTimes(client, parameters),
  ]);
  const delivery: Delivery = { ...parameters, chainId, account, ...times };
  const stages = await Promise.all(
    manifest.stages.map(async (_, stage) => {
      const own = seats.slice(stage * k, (stage + 1) * k);
      const known = own.flatMap(({ workerId, signer }): Recipient[] => {
        const profile = profiles.get(workerId);
        return profile === undefined || !canSealTo(parameters.crypto, fromHex(profile.sealKey, 32))
          ? []
          : [{ profile, signer }];
      });
      const strangers = own
        .filter(({ workerId }) => known.every(({ profile }) => profile.workerId !== workerId))
        .map(({ workerId }): Failed => ({ workerId, error: new SdkError("PROFILE_MISSING", { worker: workerId }) }));
      return deliverStage(client, delivery, stage, known, strangers);
    }),
  );
  const short = stages.find(({ reached }) => reached.length < quorum(k));
  if (short !== undefined)
    throw new SdkError(
      "DELIVERY_FAILED",
      { jobId, reached: short.reached.length, seats: k, quorum: quorum(k) },
      { cause: short.failed[0]?.error },
    );
  return {
    seats,
    reached: stages.flatMap(({ reached }) => reached),
    failed: stages.flatMap(({ failed }) => failed),
  };
}

async function readTimes(
  client: WalletLike,
  { hub, jobId, job }: DeliverInputParameters,
): Promise<Pick<Delivery, "chainTime" | "inputDeadline">> {
  const [{ timestamp }, { deadline }] = await checked("slot", async () =>
    Promise.all([
      getBlock(client),
      readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [jobId] }),
    ]),
  );
  const readMs = performance.now();
  return {
    chainTime: () => Number(timestamp) + (performance.now() - readMs) / 1000,
    inputDeadline: deadline - ABSTAIN_SHARE * job.spec.policy.tWork,
  };
}

async function deliverStage(
  client: WalletLike,
  delivery: Delivery,
  stage: number,
  recipients: readonly Recipient[],
  strangers: readonly Failed[],
): Promise<{ readonly reached: readonly number[]; readonly failed: readonly Failed[] }> {
  const parcel = packStage(
    delivery,
    stage,
    recipients.map(({ profile }) => profile),
  );
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
  const { manifest, secret, crypto, input, jobId, chainId, hub, account } = delivery;
  const info = manifest.stages[stage];
  const producers = info?.producers ?? [];
  const ends = [
    ...producers.map((producer) => ({
      boundary: producer,
      kind: (producer === INPUT_BOUNDARY ? info?.inKind : manifest.stages[producer]?.outKind) as DigestKind,
    })),
    { boundary: stage, kind: info?.outKind as DigestKind },
  ];
  const salts = ends
    .toSorted((a, b) => a.boundary - b.boundary)
    .flatMap(({ boundary, kind }) => {
      const salt = boundarySalt(secret.reveal(), boundary, kind);
      return salt === undefined ? [] : [{ boundary, salt }];
    });
  const readsInput = producers.includes(INPUT_BOUNDARY);
  if (salts.length === 0)
    return readsInput ? { boundary: INPUT_BOUNDARY, blob: splitBlob(input), bytes: input.length } : undefined;
  const tensors = readsInput ? [{ boundary: INPUT_BOUNDARY, tensor: input }] : [];
  const boundary = readsInput ? INPUT_BOUNDARY : (producers[0] ?? INPUT_BOUNDARY);
  const sender: Hex = `0x${account.address.slice(2).toLowerCase()}`;
  const context = sealContext({ chainId: BigInt(chainId), hub, jobId, boundary, lane: 0, sender });
  const plain = encodeSealedInput({ stage, salts, tensors });
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

/**
 * Offers and puts until the seat has it; returns the last failure. A seat that is busy, too slow to answer, or needed for the quorum is
 * tried until the input deadline; any other for `seatTimeoutMs` only, so that a dead one does not hold up the caller.
 */
async function deliverTo(
  client: WalletLike,
  delivery: Delivery,
  parcel: Parcel,
  recipient: Recipient,
  isEnough: () => boolean,
): Promise<AssayError | undefined> {
  const { profile } = recipient;
  const patienceMs = delivery.seatTimeoutMs ?? 4_000;
  const startMs = performance.now();
  const timeoutMs = Math.max(patienceMs, (delivery.inputDeadline - delivery.chainTime()) * 1000);
  let failure: AssayError | undefined;
  let notBeforeMs = 0;
  const done = await pollUntil<boolean>(
    async () => {
      if (performance.now() < notBeforeMs) return undefined;
      let isSlow = false;
      try {
        const pauseMs = await offerOnce(client, delivery, parcel, recipient);
        if (pauseMs === undefined) return true;
        isSlow = true;
        notBeforeMs = performance.now() + Math.min(pauseMs, patienceMs);
        failure = refusal(profile, "it is busy");
      } catch (error) {
        if (!isAssayError(error)) throw error;
        isSlow = isTimeout(error);
        failure = error;
      }
      const isImpatient = performance.now() - startMs > patienceMs;
      return isImpatient && isEnough() && !isSlow ? false : undefined;
    },
    { doing: "delivering", everyMs: PAUSE_MS, timeoutMs, signal: delivery.signal },
  );
  return done === true ? undefined : (failure ?? refusal(profile, "its input deadline is over"));
}

const refusal = (profile: WorkerProfile, why: string) =>
  new SdkError("SEAT_REFUSED", { worker: profile.workerId, endpoint: profile.endpoints[0] ?? "", why });

/** Undefined when the seat has the input; else how long it asks to wait, ms. Errors: SEAT_REFUSED, PROFILE_MISSING. */
async function offerOnce(
  client: WalletLike,
  delivery: Delivery,
  parcel: Parcel,
  { profile, signer }: Recipient,
): Promise<number | undefined> {
  const { crypto, signal, jobId } = delivery;
  const grant = toHex(crypto.randomBytes(16));
  const now = BigInt(Math.floor(delivery.chainTime()));
  const body = encodeOffer({
    jobId,
    boundary: parcel.boundary,
    lane: 0,
    blob: parcel.blob.root,
    bytes: parcel.bytes,
    deadline: now + 600n,
    grant,
  });
  const call = { profile, maxReplyBytes: 256, timeoutMs: CALL_TIMEOUT_MS, signal };
  const request = await signEnvelope(client, delivery, signer, now + 120n, body);
  const reply = readReply(profile, await callSeat(crypto, { ...call, protocol: OFFER_PROTOCOL, request }));
  if (reply.answer === "BUSY") return reply.retryAfterMs;
  if (reply.answer === "REFUSE") throw refusal(profile, reply.code);
  // No credits: it holds the input already.
  if (reply.credits === 0) return undefined;
  for (const part of parcel.blob.parts) {
    const put = encodePut({ grant, root: parcel.blob.root, part: part.bytes });
    const stored = await callSeat(crypto, { ...call, protocol: PUT_PROTOCOL, request: put });
    if (stored[0] !== PUT_STORED[0]) throw refusal(profile, "it did not store the input");
  }
  return undefined;
}

function readReply(profile: WorkerProfile, bytes: Uint8Array): OfferReply {
  try {
    return decodeOfferReply(bytes);
  } catch (error) {
    throw new SdkError(
      "SEAT_REFUSED",
      { worker: profile.workerId, endpoint: profile.endpoints[0] ?? "", why: "its reply is malformed" },
      { cause: error },
    );
  }
}

async function signEnvelope(
  client: WalletLike,
  { hub, chainId, account, jobId }: Delivery,
  to: Address,
  deadline: bigint,
  body: Uint8Array,
): Promise<Uint8Array> {
  // Ascending across restarts too: the wall clock in microseconds, then a counter.
  const now = BigInt(Date.now()) * 1000n;
  lastSeq = lastSeq >= now ? lastSeq + 1n : now;
  const envelope = {
    protocol: OFFER_PROTOCOL,
    from: account.address,
    to,
    jobId,
    seq: lastSeq,
    deadline,
    bodyHash: bodyHashOf(body),
  };
  const signature = await signTypedData(client, {
    account,
    domain: { name: "Assay", version: "1", chainId, verifyingContract: hub },
    types: {
      Envelope: [
        { name: "protocol", type: "string" },
        { name: "from", type: "address" },
        { name: "to", type: "address" },
        { name: "jobId", type: "bytes32" },
        { name: "seq", type: "uint64" },
        { name: "deadline", type: "uint64" },
        { name: "bodyHash", type: "bytes32" },
      ],
    },
    primaryType: "Envelope",
    message: envelope,
  });
  const compact = serializeCompactSignature(signatureToCompactSignature(parseSignature(signature)));
  return encodeEnvelope({ envelope, signature: unpackSignature(hexToBytes(compact)), body });
}
