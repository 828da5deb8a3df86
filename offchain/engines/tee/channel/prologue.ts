// SPDX-License-Identifier: GPL-3.0-or-later
import { bigToBytes, concatBytes, fromHex, utf8, type Hex } from "../../../core/bytes.ts";
import type { Word } from "../../../core/tagged-hash.ts";

/** What a channel is for: both ends must mean the same, or their handshake fails. */
export interface ChannelPurpose {
  readonly chainId: bigint;
  /** Address of the enclave registry. */
  readonly registry: Hex;
  readonly jobId: Word;
  /** Manifest numbers of the stages that the channel joins. */
  readonly fromStage: number;
  readonly toStage: number;
  /** Claim-signing addresses of initiator and responder. */
  readonly initiatorKey: Hex;
  readonly responderKey: Hex;
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
