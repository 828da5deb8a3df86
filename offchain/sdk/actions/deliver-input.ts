// SPDX-License-Identifier: MIT
import { hexToBytes, serializeCompactSignature, signatureToCompactSignature, parseSignature } from "viem";
import type { Account, Address, Hex } from "viem";
import { getBlock, signTypedData } from "viem/actions";
import { splitBlob, type SplitBlob } from "../../core/blob.ts";
import { encodePut, PUT_PROTOCOL, PUT_STORED } from "../../core/blob-put.ts";
import { fromHex, toHex } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { bodyHashOf, encodeEnvelope } from "../../core/envelope.ts";
import { isAssayError, type AssayError } from "../../core/errors.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL } from "../../core/messages.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../core/salts.ts";
import { sealBlob, sealContext } from "../../core/seal.ts";
import { encodeSealedInput } from "../../core/sealed-input.ts";
import { unpackSignature } from "../../core/signature.ts";
import type { DigestKind, Job, ModelManifest } from "../../core/types.ts";
import { quorum } from "../../core/vote.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import type { JobSecret } from "../job-secret.ts";
import { pollUntil } from "../poll-until.ts";
import { callSeat } from "../seat-call.ts";
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
  /** How long to try each seat; 4 s by default. */
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
}
interface Parcel {
  readonly boundary: number;
  readonly blob: SplitBlob;
  readonly bytes: number;
}

const PAUSE_MS = 250;
let lastSeq = 0n;

/**
 * Waits for the draw, then seals the input and the stage's salts to each seat's registered key and pushes them to its endpoint.
 * `onSeats` is called between the two: what it returns is awaited, so a caller can decide whom the job fell to before anything leaves.
 * Errors: SEATS_UNKNOWN; DELIVERY_FAILED when a stage's seats that took the input cannot make a quorum; INTERRUPTED; RPC_UNAVAILABLE.
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

  const profiles = await getWorkerProfiles(client, { hub, workerIds, fromBlock: parameters.fromBlock });
  const delivery: Delivery = { ...parameters, chainId, account };
  const reached: number[] = [];
  const failed: { workerId: number; error: AssayError }[] = [];
  for (const stage of manifest.stages.keys()) {
    const own = seats.slice(stage * k, (stage + 1) * k);
    const reachable = own.flatMap(({ workerId, signer }) => {
      const profile = profiles.get(workerId);
      if (profile !== undefined) return [{ profile, signer }];
      failed.push({ workerId, error: new SdkError("PROFILE_MISSING", { worker: workerId }) });
      return [];
    });
    const parcel = sealStage(
      delivery,
      stage,
      reachable.map(({ profile }) => profile),
    );
    const before = reached.length;
    await Promise.all(
      reachable.map(async ({ profile, signer }) => {
        const error = await deliverTo(client, delivery, parcel, profile, signer);
        if (error === undefined) reached.push(profile.workerId);
        else failed.push({ workerId: profile.workerId, error });
      }),
    );
    if (reached.length - before < quorum(k))
      throw new SdkError(
        "DELIVERY_FAILED",
        { jobId, reached: reached.length - before, seats: k, quorum: quorum(k) },
        { cause: failed[0]?.error },
      );
  }
  return { seats, reached, failed };
}

/** One sealed blob for all seats of a stage: what the stage reads, and the salts of its ends. */
function sealStage(delivery: Delivery, stage: number, profiles: readonly WorkerProfile[]): Parcel {
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
  const tensors = readsInput ? [{ boundary: INPUT_BOUNDARY, tensor: input }] : [];
  const boundary = readsInput ? INPUT_BOUNDARY : (producers[0] ?? INPUT_BOUNDARY);
  const sender: Hex = `0x${account.address.slice(2).toLowerCase()}`;
  const context = sealContext({ chainId: BigInt(chainId), hub, jobId, boundary, lane: 0, sender });
  const plain = encodeSealedInput({ stage, salts, tensors });
  const sealed = sealBlob(crypto, {
    context,
    recipients: profiles.map(({ sealKey }) => fromHex(sealKey, 32)),
    plain,
  });
  plain.fill(0);
  return { boundary, blob: splitBlob(sealed), bytes: sealed.length };
}

/** Offers and puts until the seat has it or its time is over; returns the last failure. */
async function deliverTo(
  client: WalletLike,
  delivery: Delivery,
  parcel: Parcel,
  profile: WorkerProfile,
  signer: Address,
): Promise<AssayError | undefined> {
  let failure: AssayError | undefined;
  const done = await pollUntil(
    async () => {
      try {
        const pause = await offerOnce(client, delivery, parcel, profile, signer);
        if (pause === undefined) return true;
        failure = new SdkError("SEAT_REFUSED", {
          worker: profile.workerId,
          endpoint: profile.endpoints[0] ?? "",
          why: "it is busy",
        });
      } catch (error) {
        if (!isAssayError(error)) throw error;
        failure = error;
      }
      return undefined;
    },
    { doing: "delivering", everyMs: PAUSE_MS, timeoutMs: delivery.seatTimeoutMs ?? 4_000, signal: delivery.signal },
  );
  return done === true ? undefined : failure;
}

/** Undefined when the seat has the input; else how long it asks to wait. Errors: SEAT_REFUSED, PROFILE_MISSING. */
async function offerOnce(
  client: WalletLike,
  delivery: Delivery,
  parcel: Parcel,
  profile: WorkerProfile,
  signer: Address,
): Promise<number | undefined> {
  const { crypto, signal, jobId } = delivery;
  const grant = toHex(crypto.randomBytes(16));
  const { timestamp } = await checked("getBlock", async () => getBlock(client));
  const body = encodeOffer({
    jobId,
    boundary: parcel.boundary,
    lane: 0,
    blob: parcel.blob.root,
    bytes: parcel.bytes,
    deadline: timestamp + 600n,
    grant,
  });
  const call = { profile, maxReplyBytes: 256, timeoutMs: 5_000, signal };
  const request = await signEnvelope(client, delivery, signer, timestamp + 120n, body);
  const reply = decodeOfferReply(await callSeat(crypto, { ...call, protocol: OFFER_PROTOCOL, request }));
  if (reply.answer === "BUSY") return reply.retryAfterMs;
  const refused = (why: string) =>
    new SdkError("SEAT_REFUSED", { worker: profile.workerId, endpoint: profile.endpoints[0] ?? "", why });
  if (reply.answer === "REFUSE") throw refused(reply.code);
  // No credits: it holds the input already.
  if (reply.credits === 0) return undefined;
  for (const part of parcel.blob.parts) {
    const put = encodePut({ grant, root: parcel.blob.root, part: part.bytes });
    const stored = await callSeat(crypto, { ...call, protocol: PUT_PROTOCOL, request: put });
    if (stored[0] !== PUT_STORED[0]) throw refused("it did not store the input");
  }
  return undefined;
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
