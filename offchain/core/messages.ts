// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";

// Bodies of the data plane's protocols. Big-endian, one encoding each. Seat messages: offchain/protocol/seat-wire.ts.

export const HELLO_PROTOCOL = "/assay/hello/1";
export const OFFER_PROTOCOL = "/assay/offer/1";
const MAX_PROGRAMS = 256;

/** What a worker says about itself; signed by its envelope, confirmed against the registry record. */
export interface Hello {
  readonly workerId: number;
  /** Transport identity, 32 bytes. */
  readonly transport: Hex;
  /** X25519 public key that inputs are sealed to now. */
  readonly sealKey: Hex;
  /** Model ids it can run, ascending. */
  readonly programs: readonly Hex[];
  /** Jobs under way and jobs it would take at once. */
  readonly load: number;
  readonly capacity: number;
}

/** "Sealed bytes for you are here": the receiver fetches them by `/assay/blob/1`, showing the grant. */
export interface Offer {
  readonly jobId: Hex;
  /** Producing stage, or PRODUCER_INPUT for the job's input. */
  readonly boundary: number;
  readonly lane: number;
  /** Bare sha2-256 digest of the sealed blob's root part. */
  readonly blob: Hex;
  /** Length of the sealed blob. */
  readonly bytes: number;
  /** Unix seconds until which the sender keeps it. */
  readonly deadline: bigint;
  /** 16 random bytes: who shows them was offered the blob. */
  readonly grant: Hex;
}

/**
 * The receiver's answer. `ACCEPT`: bytes that it wants put, 0 if it has them; `BUSY`: try again after; `REFUSE`: never, by an error code;
 * `FETCH`: it comes for them itself, showing the grant.
 */
export type OfferReply =
  | { readonly answer: "ACCEPT"; readonly credits: number }
  | { readonly answer: "BUSY"; readonly retryAfterMs: number }
  | { readonly answer: "REFUSE"; readonly code: string }
  | { readonly answer: "FETCH" };

const invalid = (kind: string, why: string) => new CoreError("MESSAGE_INVALID", { kind, why });

function open(bytes: Uint8Array, kind: string): ByteReader {
  const reader = new ByteReader(bytes, `The ${kind} message`);
  const version = reader.u8();
  if (version !== 1) throw new CoreError("VERSION_UNKNOWN", { what: `The ${kind} message`, version });
  return reader;
}

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter().u8(1).u32be(hello.workerId).fixed(hello.transport, 32).fixed(hello.sealKey, 32);
  writer.u16be(hello.programs.length);
  for (const program of hello.programs) writer.fixed(program, 32);
  const bytes = writer.u16be(hello.load).u16be(hello.capacity).finish();
  decodeHello(bytes);
  return bytes;
}

/** Errors: those of `ByteReader`, VERSION_UNKNOWN, MESSAGE_INVALID. */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = open(bytes, "hello");
  const [workerId, transport, sealKey] = [reader.u32be(), reader.hex(32), reader.hex(32)];
  const programs = Array.from({ length: reader.count(reader.u16be(), MAX_PROGRAMS, 32) }, () => reader.hex(32));
  if (programs.some((program, i) => i > 0 && (programs[i - 1] ?? "") >= program))
    throw invalid("hello", "programs do not ascend");
  const [load, capacity] = [reader.u16be(), reader.u16be()];
  reader.end();
  return { workerId, transport, sealKey, programs, load, capacity };
}

export function encodeOffer(offer: Offer): Uint8Array {
  const writer = new ByteWriter().u8(1).fixed(offer.jobId, 32).u16be(offer.boundary).u8(offer.lane);
  writer.fixed(offer.blob, 32).u32be(offer.bytes).u64be(offer.deadline);
  const bytes = writer.fixed(offer.grant, 16, "A grant").finish();
  decodeOffer(bytes);
  return bytes;
}

/** Errors: those of `ByteReader`, VERSION_UNKNOWN, MESSAGE_INVALID. */
export function decodeOffer(bytes: Uint8Array): Offer {
  const reader = open(bytes, "offer");
  const [jobId, boundary, lane] = [reader.hex(32), reader.u16be(), reader.u8()];
  if (lane > 2) throw invalid("offer", `lane ${lane}`);
  const [blob, size, deadline, grant] = [reader.hex(32), reader.u32be(), reader.u64be(), reader.hex(16)];
  if (size < 1) throw invalid("offer", "an empty blob");
  reader.end();
  return { jobId, boundary, lane, blob, bytes: size, deadline, grant };
}

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const ANSWERS = ["ACCEPT", "BUSY", "REFUSE", "FETCH"] as const;

export function encodeOfferReply(reply: OfferReply): Uint8Array {
  const writer = new ByteWriter().u8(1).u8(ANSWERS.indexOf(reply.answer));
  if (reply.answer === "ACCEPT") return writer.u32be(reply.credits).finish();
  if (reply.answer === "BUSY") return writer.u32be(reply.retryAfterMs).finish();
  if (reply.answer === "FETCH") return writer.finish();
  if (!CODE.test(reply.code)) throw invalid("offer reply", "its code is no error code");
  return writer.string(reply.code).finish();
}

/** Errors: those of `ByteReader`, VERSION_UNKNOWN, MESSAGE_INVALID. */
export function decodeOfferReply(bytes: Uint8Array): OfferReply {
  const reader = open(bytes, "offer reply");
  const answer = ANSWERS[reader.u8()];
  if (answer === undefined) throw invalid("offer reply", "unknown answer");
  let reply: OfferReply;
  if (answer === "ACCEPT") reply = { answer, credits: reader.u32be() };
  else if (answer === "BUSY") reply = { answer, retryAfterMs: reader.u32be() };
  else if (answer === "FETCH") reply = { answer };
  else reply = { answer, code: reader.string(64) };
  reader.end();
  if (reply.answer === "REFUSE" && !CODE.test(reply.code)) throw invalid("offer reply", "its code is no error code");
  return reply;
}
