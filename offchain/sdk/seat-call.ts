// SPDX-License-Identifier: MIT
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, fromHex, joinBytes, toHex, utf8 } from "../core/bytes.ts";
import type { CryptoPort } from "../core/crypto-port.ts";
import type { AssayError } from "../core/errors.ts";
import type { WorkerProfile } from "./actions/get-worker-profiles.ts";
import { SdkError } from "./errors.ts";

/** As in adapters/net, whose transport answers: an HTTP POST, request in, bytes out. */
const CONTENT_TYPE = "application/vnd.assay";
const HEADER = { nonce: "assay-nonce", proof: "assay-proof", error: "assay-error" } as const;

export interface SeatCall {
  readonly profile: WorkerProfile;
  /** `/assay/…/1`. */
  readonly protocol: string;
  readonly request: Uint8Array;
  readonly maxReplyBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One call to a worker at its published HTTP endpoint, with the platform's `fetch`. The worker proves by its transport key that it is
 * the one of the registry record; that says who answered, not that the reply is right.
 * Errors: PROFILE_MISSING, SEAT_REFUSED, SEAT_SLOW.
 */
export async function callSeat(crypto: CryptoPort, call: SeatCall): Promise<Uint8Array> {
  const { profile } = call;
  const worker = profile.workerId;
  if (profile.endpoints.length === 0) throw new SdkError("PROFILE_MISSING", { worker });
  let failure: unknown;
  for (const endpoint of profile.endpoints) {
    try {
      return await callEndpoint(crypto, call, endpoint);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Whether a call failed by its time alone: the seat may be under load, not gone. */
export const isTimeout = (error: AssayError): boolean => error.code === "SEAT_SLOW";

async function callEndpoint(crypto: CryptoPort, call: SeatCall, endpoint: string): Promise<Uint8Array> {
  const { profile, protocol, request } = call;
  const refuse = (why: string, cause?: unknown) =>
    new SdkError("SEAT_REFUSED", { worker: profile.workerId, endpoint, why }, cause === undefined ? {} : { cause });
  const nonce = crypto.randomBytes(32);
  const timeout = AbortSignal.timeout(call.timeoutMs);
  let response: Response;
  try {
    response = await fetch(new URL(protocol, endpoint), {
      method: "POST",
      headers: { "content-type": CONTENT_TYPE, [HEADER.nonce]: toHex(nonce).slice(2) },
      body: request.slice(),
      // An endpoint is a worker's own claim: it must not send the caller on to somebody else's service.
      redirect: "error",
      signal: call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]),
    });
  } catch (error) {
    // A caller's own signal aborts too; only the timeout says that the seat may just be slow.
    const late = timeout.aborted && call.signal?.aborted !== true;
    throw late
      ? new SdkError("SEAT_SLOW", { worker: profile.workerId, endpoint, ms: call.timeoutMs }, { cause: error })
      : refuse("it cannot be reached", error);
  }
  if (response.status !== 200) {
    await response.body?.cancel();
    const code = response.headers.get(HEADER.error) ?? "";
    throw refuse(/^[A-Z][A-Z0-9_]{1,47}$/.test(code) ? code : `status ${response.status}`);
  }
  const proof = response.headers.get(HEADER.proof) ?? "";
  if (!isProof(profile.transportId, protocol, nonce, request, proof)) {
    await response.body?.cancel();
    throw refuse("it does not prove the identity of its record");
  }
  return readBounded(response, call.maxReplyBytes, refuse);
}

/** Ed25519 over "assay.v1.answer\n" ‖ protocol ‖ "\n" ‖ nonce ‖ sha256(request). */
function isProof(id: string, protocol: string, nonce: Uint8Array, request: Uint8Array, proofHex: string): boolean {
  if (!/^[0-9a-f]{128}$/.test(proofHex)) return false;
  const statement = concatBytes(utf8(`assay.v1.answer\n${protocol}\n`), nonce, sha256(request));
  try {
    return ed25519.verify(fromHex(`0x${proofHex}`), statement, fromHex(id, 32));
  } catch {
    return false; // not a point: nobody's identity
  }
}

async function readBounded(
  response: Response,
  maxBytes: number,
  refuse: (why: string, cause?: unknown) => Error,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  for (;;) {
    const next = await reader.read().catch((error: unknown) => {
      throw refuse("its reply broke off", error);
    });
    if (next.done) return joinBytes(chunks);
    size += next.value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw refuse(`its reply is larger than ${maxBytes} bytes`);
    }
    chunks.push(next.value);
  }
}
