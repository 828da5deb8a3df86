// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { assertLength, bigToBytes, concatBytes, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import type { Word } from "./tagged-hash.ts";

/** What a channel between two enclaves is for: both ends must mean the same, or their handshake fails. */
export interface ChannelPurpose {
  readonly chainId: bigint;
  /** Address of the enclave registry. */
  readonly registry: Hex;
  readonly jobId: Word;
  /** Stages that the channel joins: the last of the sender's run, the first of the receiver's. */
  readonly fromStage: number;
  readonly toStage: number;
  /** Claim-signing addresses of initiator and responder. */
  readonly initiatorKey: Hex;
  readonly responderKey: Hex;
  /** `planHash` of the job's schedule. */
  readonly scheduleHash: Word;
}

/** "assay.v1.channel" and each field with its u16be length. Errors: HEX_INVALID, NUMBER_OUT_OF_RANGE. */
export function encodePrologue(purpose: ChannelPurpose): Uint8Array {
  const { chainId, registry, jobId, fromStage, toStage, initiatorKey, responderKey, scheduleHash } = purpose;
  const stage = (value: number): Uint8Array => bigToBytes(BigInt(value), 2, "The stage");
  const fields = [
    bigToBytes(chainId, 32, "The chain id"),
    fromHex(registry, 20, "The registry"),
    fromHex(jobId, 32, "The job id"),
    stage(fromStage),
    stage(toStage),
    fromHex(initiatorKey, 20, "The initiator's key"),
    fromHex(responderKey, 20, "The responder's key"),
    fromHex(scheduleHash, 32, "The schedule hash"),
  ];
  return concatBytes(
    utf8("assay.v1.channel"),
    ...fields.flatMap((field) => [bigToBytes(BigInt(field.length), 2), field]),
  );
}

/** Both messages of an IK handshake without payloads, as they were sent: 96 bytes and 48. */
export const HANDSHAKE_BYTES = 144;
/** e, sealed s, sealed nothing; e, sealed nothing. */
const MIXED = [32, 48, 16, 32, 16] as const;
/** Exactly a hash's length, so that Noise takes the name as it is. */
const PROTOCOL = utf8("Noise_IK_25519_ChaChaPoly_SHA256");

/**
 * The handshake hash of a channel, from what anybody may know of it: its purpose, the responder's registered X25519 key, and the
 * messages that the hosts relayed. Nobody who saw nothing else can make another handshake with the same hash. Errors: LENGTH_WRONG,
 * HEX_INVALID, NUMBER_OUT_OF_RANGE.
 */
export function channelHashOf(purpose: ChannelPurpose, responderChannelKey: Word, handshake: Uint8Array): Word {
  assertLength(handshake, HANDSHAKE_BYTES, "The handshake");
  const mix = (hash: Uint8Array, data: Uint8Array): Uint8Array => sha256(concatBytes(hash, data));
  let hash = mix(
    mix(PROTOCOL, encodePrologue(purpose)),
    fromHex(responderChannelKey, 32, "The responder's channel key"),
  );
  let at = 0;
  for (const length of MIXED) {
    hash = mix(hash, handshake.subarray(at, at + length));
    at += length;
  }
  return toHex(hash);
}
