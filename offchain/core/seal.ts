// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { assertLength, bigToBytes, compareBytes, concatBytes, equalBytes, fromHex, utf8, type Hex } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";
import { isAssayError } from "./errors.ts";
import type { CryptoPort } from "./crypto-port.ts";
import { hpkeOpen, hpkeSeal } from "./hpke.ts";
import type { Deployment } from "./types.ts";

const MAGIC = utf8("ASB1");
const VERSION = 1;
export const MAX_RECIPIENTS = 31;
export const CHUNK_BYTES = 64 * 1024;
const TAG = 16;
const KEY_ID = 8;
const ENTRY = KEY_ID + 32 + 48;
/** magic, version, n, context. */
const HEAD = 4 + 1 + 1 + 32;

export interface SealScope extends Deployment {
  readonly jobId: Hex;
  /** Producing stage, or PRODUCER_INPUT for the job's input. */
  readonly boundary: number;
  readonly lane: number;
  /** Address that signs the envelope or the offer: a blob passed on under another name does not open. */
  readonly sender: Hex;
}

/** sha256("assay.v1.sealed" ‖ u256be chainId ‖ hub ‖ jobId ‖ u16be boundary ‖ u8 lane ‖ sender): HPKE's info. */
export function sealContext({ chainId, hub, jobId, boundary, lane, sender }: SealScope): Uint8Array {
  const writer = new ByteWriter().raw(utf8("assay.v1.sealed")).raw(bigToBytes(chainId, 32)).fixed(hub, 20);
  return sha256(writer.fixed(jobId, 32).u16be(boundary).u8(lane).fixed(sender, 20).finish());
}

/** What names a recipient's key in a header: the first 8 bytes of sha256(public key). */
export const sealKeyId = (publicKey: Uint8Array): Uint8Array =>
  sha256(assertLength(publicKey, 32, "The seal key")).slice(0, KEY_ID);

/** 11-byte big-endian counter ‖ 1 for the last chunk: neither order, number nor end of the chunks can change. */
const chunkNonce = (index: number, last: boolean): Uint8Array =>
  concatBytes(bigToBytes(BigInt(index), 11), Uint8Array.of(last ? 1 : 0));

const chunkCount = (plainBytes: number): number => Math.max(1, Math.ceil(plainBytes / CHUNK_BYTES));

export interface SealOptions {
  readonly context: Uint8Array;
  /** X25519 public keys of 1 to 31 distinct recipients; their order does not show. */
  readonly recipients: readonly Uint8Array[];
  readonly plain: Uint8Array;
}

/**
 * Sealed blob: "ASB1" ‖ u8 version ‖ u8 n ‖ context ‖ n × (8 key id ‖ 32 enc ‖ 48 wrapped content key) ‖ chunks of 64 KiB, each with
 * a 16-byte tag. The chunks' AAD is sha256 of everything before them, so a flipped bit in any recipient's entry is noticed by all.
 * A fresh content key a call: sealing the same bytes twice gives different blobs. Errors: LENGTH_WRONG, NUMBER_OUT_OF_RANGE,
 * KEY_EXCHANGE, SEALED_INVALID (a recipient twice).
 */
export function sealBlob(port: CryptoPort, { context, recipients, plain }: SealOptions): Uint8Array {
  assertLength(context, 32, "The seal context");
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS)
    throw new CoreError("NUMBER_OUT_OF_RANGE", {
      what: "Recipients",
      value: recipients.length,
      low: 1,
      high: MAX_RECIPIENTS,
    });
  const keys = recipients.map((publicKey) => ({ publicKey, id: sealKeyId(publicKey) }));
  keys.sort((a, b) => compareBytes(a.id, b.id));
  if (keys.some(({ id }, i) => i > 0 && equalBytes(id, keys[i - 1]?.id ?? context)))
    throw new CoreError("SEALED_INVALID", { why: "a recipient is named twice" });
  const contentKey = port.randomBytes(32);
  const head = concatBytes(MAGIC, Uint8Array.of(VERSION, keys.length), context);
  const entries = keys.map(({ publicKey, id }) => {
    const { enc, sealed } = hpkeSeal(port, publicKey, context, head, contentKey);
    return concatBytes(id, enc, sealed);
  });
  const out = sealChunks(port, contentKey, concatBytes(head, ...entries), plain);
  contentKey.fill(0);
  return out;
}

/** The header, then the plain bytes in chunks under a key that is used once; their AAD is the header's sha256. */
export function sealChunks(port: CryptoPort, key: Uint8Array, header: Uint8Array, plain: Uint8Array): Uint8Array {
  const aad = sha256(header);
  const count = chunkCount(plain.length);
  const out = new Uint8Array(header.length + plain.length + count * TAG);
  out.set(header);
  for (let i = 0; i < count; i++) {
    const chunk = plain.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
    const sealed = port.chacha20Poly1305Seal(key, chunkNonce(i, i === count - 1), aad, chunk);
    out.set(sealed, header.length + i * (CHUNK_BYTES + TAG));
  }
  return out;
}

/** Plain bytes in chunks of so many bytes altogether. Error: SEALED_INVALID when no number of chunks has that length. */
export function chunkedBytes(length: number): number {
  const full = Math.floor(length / (CHUNK_BYTES + TAG));
  const rest = length % (CHUNK_BYTES + TAG);
  // A rest of exactly one tag would be an empty chunk: only an empty blob has one.
  if (rest === 0 ? full === 0 : rest < TAG || (rest === TAG && full > 0))
    throw new CoreError("SEALED_INVALID", { why: "its end is cut off" });
  return full * CHUNK_BYTES + Math.max(0, rest - TAG);
}

/** What `sealChunks` put behind its header. Errors: SEALED_INVALID, SEALED_TAMPERED. */
export function openChunks(port: CryptoPort, key: Uint8Array, header: Uint8Array, chunks: Uint8Array): Uint8Array {
  const aad = sha256(header);
  const plain = new Uint8Array(chunkedBytes(chunks.length));
  const count = chunkCount(plain.length);
  for (let i = 0; i < count; i++) {
    const sealed = chunks.subarray(i * (CHUNK_BYTES + TAG), (i + 1) * (CHUNK_BYTES + TAG));
    const chunk = port.chacha20Poly1305Open(key, chunkNonce(i, i === count - 1), aad, sealed);
    if (chunk === null) throw new CoreError("SEALED_TAMPERED", { where: `chunk ${i}` });
    plain.set(chunk, i * CHUNK_BYTES);
  }
  return plain;
}

/** Whether anything can be sealed to a key: low-order points and wrong lengths are refused. */
export function canSealTo(port: CryptoPort, key: Uint8Array): boolean {
  try {
    sealBlob(port, { context: new Uint8Array(32), recipients: [key], plain: Uint8Array.of(0) });
    return true;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return false;
  }
}

/**
 * The registered seal keys of seats that a blob can be sealed to, each once. A worker chooses its own key: another's, or one that
 * nothing can be sealed to, must not spoil the blob of its co-seats.
 */
export function sealRecipients(port: CryptoPort, keys: readonly Hex[]): Uint8Array[] {
  const distinct = [...new Set(keys.map((key) => key.toLowerCase() as Hex))];
  return distinct.map((key) => fromHex(key, 32)).filter((key) => canSealTo(port, key));
}

export interface SealedHeader {
  readonly context: Uint8Array;
  readonly recipients: readonly {
    readonly keyId: Uint8Array;
    readonly enc: Uint8Array;
    readonly wrapped: Uint8Array;
  }[];
  readonly plainBytes: number;
}

/** Reads the public part of a sealed blob. Errors: SEALED_INVALID, VERSION_UNKNOWN, BYTES_TRUNCATED. */
export function readSealedHeader(bytes: Uint8Array): SealedHeader {
  const reader = new ByteReader(bytes, "The sealed blob");
  if (!equalBytes(reader.raw(4), MAGIC)) throw new CoreError("SEALED_INVALID", { why: "it does not begin with ASB1" });
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The sealed blob", version });
  const n = reader.u8();
  if (n < 1 || n > MAX_RECIPIENTS) throw new CoreError("SEALED_INVALID", { why: `${n} recipients` });
  const context = reader.raw(32).slice();
  reader.count(n, MAX_RECIPIENTS, ENTRY);
  const recipients = Array.from({ length: n }, () => ({
    keyId: reader.raw(KEY_ID).slice(),
    enc: reader.raw(32).slice(),
    wrapped: reader.raw(48).slice(),
  }));
  if (recipients.some(({ keyId }, i) => i > 0 && compareBytes(recipients[i - 1]?.keyId ?? keyId, keyId) >= 0))
    throw new CoreError("SEALED_INVALID", { why: "key ids do not ascend" });
  return { context, recipients, plainBytes: chunkedBytes(reader.remaining) };
}

export interface OpenOptions {
  /** What the blob must be for: recompute it from job, boundary and sender; never take it from the blob. */
  readonly context: Uint8Array;
  readonly privateKey: Uint8Array;
  /** Default 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * Opens a sealed blob from anyone. Errors: SEALED_INVALID, VERSION_UNKNOWN, BYTES_TRUNCATED, TOO_LARGE, SEALED_CONTEXT,
 * SEALED_NOT_FOR_US, SEALED_TAMPERED, KEY_EXCHANGE.
 */
export function openSealedBlob(
  port: CryptoPort,
  bytes: Uint8Array,
  { context, privateKey, maxBytes = 64 * 1024 * 1024 }: OpenOptions,
): Uint8Array {
  const header = readSealedHeader(bytes);
  if (header.plainBytes > maxBytes)
    throw new CoreError("TOO_LARGE", {
      what: "The sealed blob",
      actual: `${header.plainBytes} bytes`,
      limit: maxBytes,
    });
  if (!equalBytes(header.context, context)) throw new CoreError("SEALED_CONTEXT");
  const keyId = sealKeyId(port.x25519PublicKey(privateKey));
  const entry = header.recipients.find((one) => equalBytes(one.keyId, keyId));
  if (entry === undefined) throw new CoreError("SEALED_NOT_FOR_US");
  const wrapped = { enc: entry.enc, sealed: entry.wrapped };
  const contentKey = hpkeOpen(port, privateKey, context, bytes.subarray(0, HEAD), wrapped);
  if (contentKey === null) throw new CoreError("SEALED_TAMPERED", { where: "the wrapped key" });
  const start = HEAD + header.recipients.length * ENTRY;
  const plain = openChunks(port, contentKey, bytes.subarray(0, start), bytes.subarray(start));
  contentKey.fill(0);
  return plain;
}
