// SPDX-License-Identifier: MIT
import { encodeAbi } from "./abi.ts";
import { toHex, utf8, type Hex } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";
import { typedDigest, typeHash } from "./eip712.ts";
import { keccak256 } from "./keccak.ts";
import { packSignature, recoverSigner, unpackSignature, type CompactSignature } from "./signature.ts";

/** Who says what to whom, until when. Anything that can cost money travels in one. */
export interface Envelope {
  /** `/assay/offer/1`. */
  readonly protocol: string;
  readonly from: Hex;
  readonly to: Hex;
  readonly jobId: Hex;
  /** Strictly ascending per (from, to): a receiver refuses what it has seen. */
  readonly seq: bigint;
  /** Unix seconds. */
  readonly deadline: bigint;
  /** keccak256 of the body. */
  readonly bodyHash: Hex;
}

export interface SignedEnvelope {
  readonly envelope: Envelope;
  readonly signature: CompactSignature;
  readonly body: Uint8Array;
}

const TYPE =
  "Envelope(string protocol,address from,address to,bytes32 jobId,uint64 seq,uint64 deadline,bytes32 bodyHash)";
const TYPEHASH = typeHash(TYPE);
const MAX_PROTOCOL = 64;
/** Request limit of the data plane: 1 MiB of body and 4 KiB around it. */
export const MAX_BODY_BYTES = 1024 * 1024;

const bad = (why: string) => new CoreError("ENVELOPE_INVALID", { why });

export const bodyHashOf = (body: Uint8Array): Hex => toHex(keccak256(body));

/** EIP-712 hashStruct. */
export function envelopeHash({ protocol, from, to, jobId, seq, deadline, bodyHash }: Envelope): Hex {
  const types = ["bytes32", "bytes32", "address", "address", "bytes32", "uint64", "uint64", "bytes32"] as const;
  const protocolHash = toHex(keccak256(utf8(protocol)));
  return toHex(keccak256(encodeAbi(types, [TYPEHASH, protocolHash, from, to, jobId, seq, deadline, bodyHash])));
}

/** What `from` signs. `domain`: `domainSeparator`. */
export const envelopeDigest = (domain: Hex, envelope: Envelope): Uint8Array =>
  typedDigest(domain, envelopeHash(envelope));

/** u8 version ‖ u8 length, protocol ‖ from ‖ to ‖ jobId ‖ u64be seq ‖ u64be deadline ‖ signature ‖ u32le length, body. */
export function encodeEnvelope({ envelope, signature, body }: SignedEnvelope): Uint8Array {
  if (bodyHashOf(body) !== envelope.bodyHash.toLowerCase()) throw bad("it is about another body");
  const protocol = utf8(envelope.protocol);
  if (protocol.length > MAX_PROTOCOL) throw bad("the protocol's name is too long");
  const writer = new ByteWriter().u8(1).u8(protocol.length).raw(protocol).fixed(envelope.from, 20);
  writer.fixed(envelope.to, 20).fixed(envelope.jobId, 32).u64be(envelope.seq).u64be(envelope.deadline);
  return writer.raw(packSignature(signature)).bytes(body).finish();
}

/** Strict; the body hash is computed, not read. Errors: those of `ByteReader`, VERSION_UNKNOWN, ENVELOPE_INVALID. */
export function decodeEnvelope(bytes: Uint8Array): SignedEnvelope {
  const reader = new ByteReader(bytes, "The envelope");
  const version = reader.u8();
  if (version !== 1) throw new CoreError("VERSION_UNKNOWN", { what: "The envelope", version });
  const protocolBytes = reader.raw(reader.count(reader.u8(), MAX_PROTOCOL, 1));
  // ASCII names only: no second spelling that looks the same.
  if (protocolBytes.some((byte) => byte < 0x21 || byte > 0x7e)) throw bad("the protocol's name is not plain ASCII");
  const protocol = String.fromCodePoint(...protocolBytes);
  const [from, to, jobId] = [reader.hex(20), reader.hex(20), reader.hex(32)];
  const [seq, deadline] = [reader.u64be(), reader.u64be()];
  const signature = unpackSignature(reader.raw(64));
  const body = reader.bytes(MAX_BODY_BYTES);
  reader.end();
  return { envelope: { protocol, from, to, jobId, seq, deadline, bodyHash: bodyHashOf(body) }, signature, body };
}

export interface EnvelopeExpectation {
  /** Receiver's `domainSeparator`: envelopes of another chain or hub do not verify. */
  readonly domain: Hex;
  readonly protocol: string;
  readonly to: Hex;
  /** Unix seconds. */
  readonly now: bigint;
  /** Furthest deadline that is taken seriously, seconds from now: bounds how long sequence numbers must be kept. */
  readonly maxAhead: bigint;
}

/** Signature, recipient, protocol and time. Replays (seq) and strangers (from) are the receiver's to know. Error: ENVELOPE_INVALID, SIGNATURE_INVALID. */
export function verifyEnvelope(signed: SignedEnvelope, expected: EnvelopeExpectation): void {
  const { envelope, signature, body } = signed;
  if (envelope.protocol !== expected.protocol) throw bad("it is for another protocol");
  if (envelope.to.toLowerCase() !== expected.to.toLowerCase()) throw bad("it is for another recipient");
  if (envelope.deadline < expected.now) throw bad("its deadline is over");
  if (envelope.deadline > expected.now + expected.maxAhead) throw bad("its deadline is too far ahead");
  if (bodyHashOf(body) !== envelope.bodyHash.toLowerCase()) throw bad("it is about another body");
  const signer = recoverSigner(envelopeDigest(expected.domain, envelope), signature);
  if (signer !== envelope.from.toLowerCase()) throw bad("the sender has not signed it");
}
