// SPDX-License-Identifier: MIT
import type { Account, Address, Hex } from "viem";
import { getBlock, readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import type { SplitBlob } from "../core/blob.ts";
import { encodePut, PUT_PROTOCOL, PUT_STORED } from "../core/blob-put.ts";
import { toHex } from "../core/bytes.ts";
import type { CryptoPort } from "../core/crypto-port.ts";
import { bodyHashOf, encodeEnvelope } from "../core/envelope.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL, type OfferReply } from "../core/messages.ts";
import { laneOf } from "../core/join.ts";
import { jobTable } from "../core/network-part.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../core/salts.ts";
import type { BoundarySalt } from "../core/sealed-input.ts";
import { ABSTAIN_SHARE } from "../core/seat-timing.ts";
import type { DigestKind, Job, ModelManifest } from "../core/types.ts";
import type { CipherParcels } from "./actions/request-inference.ts";
import type { WorkerProfile } from "./actions/get-worker-profiles.ts";
import { checked } from "./checked.ts";
import { SdkError } from "./errors.ts";
import type { JobSecret } from "./job-secret.ts";
import type { JoinedInput } from "./joined-input.ts";
import { pollUntil } from "./poll-until.ts";
import { signCompact } from "./sign-compact.ts";
import { callSeat, isTimeout } from "./seat-call.ts";
import type { WalletLike } from "./send.ts";

/** Who sends what of which job, until when. */
export interface Delivery {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly jobId: Hex;
  readonly job: Job;
  readonly manifest: ModelManifest;
  readonly input: Uint8Array | JoinedInput;
  /** Of a job over ciphertexts. */
  readonly cipher?: CipherParcels | undefined;
  readonly secret: JobSecret;
  /** Sealed to a committee already. */
  readonly sealed?: Uint8Array | undefined;
  readonly chainId: number;
  readonly account: Account;
  /** How long to try a receiver that is not needed any more, ms; 4 s by default. */
  readonly seatTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sends a transaction of this account, one after the other. */
  readonly send?: (<T>(action: () => Promise<T>) => Promise<T>) | undefined;
  /** The chain's time, by this process' clock since one block was read; Unix seconds. */
  readonly chainTime: () => number;
  /** When the receivers stop waiting for the input; the same clock. */
  readonly inputDeadline: number;
}
export interface Parcel {
  readonly boundary: number;
  readonly blob: SplitBlob;
  readonly bytes: number;
}
export interface Recipient {
  readonly profile: WorkerProfile;
  readonly signer: Address;
}

const PAUSE_MS = 250;
const CALL_TIMEOUT_MS = 5_000;
let lastSeq = 0n;

/** When the receivers of a job stop waiting. Error: RPC_UNAVAILABLE. */
export async function readTimes(
  client: WalletLike,
  { hub, jobId, job }: Pick<Delivery, "hub" | "jobId" | "job">,
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

/** Salts of both ends of a stage, ascending by boundary; PUBLIC ends have none. */
export function stageSalts(manifest: ModelManifest, secret: JobSecret, stage: number): BoundarySalt[] {
  const table = jobTable(manifest);
  const info = table[stage];
  const ends = [
    ...(info?.producers ?? []).map((producer) => ({
      boundary: producer,
      kind: (producer === INPUT_BOUNDARY ? info?.inKind : table[producer]?.outKind) as DigestKind,
    })),
    { boundary: stage, kind: info?.outKind as DigestKind },
  ];
  return ends
    .toSorted((a, b) => a.boundary - b.boundary)
    .flatMap(({ boundary, kind }) => {
      const salt = boundarySalt(secret.reveal(), boundary, kind, laneOf(table, stage));
      return salt === undefined ? [] : [{ boundary, salt }];
    });
}

/** Salts of all boundaries of a job, ascending: for who runs every stage. */
export function allSalts(manifest: ModelManifest, secret: JobSecret): BoundarySalt[] {
  const salts = [...jobTable(manifest).keys()].flatMap((stage) => stageSalts(manifest, secret, stage));
  const known = new Map(salts.map((one) => [one.boundary, one]));
  return [...known.values()].toSorted((a, b) => a.boundary - b.boundary);
}

/**
 * Offers and puts until the seat has it; returns the last failure. A seat that is busy, too slow to answer, or needed for the quorum is
 * tried until the input deadline; any other for `seatTimeoutMs` only, so that a dead one does not hold up the caller.
 */
export async function deliverTo(
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
  if (reply.answer === "FETCH") throw refusal(profile, "it wants to fetch from a client");
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
  const signature = await signCompact(client, {
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
  return encodeEnvelope({ envelope, signature, body });
}
