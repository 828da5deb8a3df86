// SPDX-License-Identifier: MIT
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { MAX_BODY_BYTES } from "./envelope.ts";

// `/assay/channel/1`: hosts of neighbouring enclaves carry the bytes of their channel, which only the enclaves can read. A request is an
// envelope by the dialling enclave's worker; its body and the reply have one encoding each.

export const CHANNEL_PROTOCOL = "/assay/channel/1";
/** In one request. A boundary goes in as many as it needs. */
export const MAX_CHANNEL_DATA = MAX_BODY_BYTES - 64;
/** In one reply: a handshake message and a confirmation. */
export const MAX_CHANNEL_REPLY = 4_096;

export interface ChannelData {
  /** A handshake begins: what was begun before is over. */
  readonly isFirst: boolean;
  readonly bytes: Uint8Array;
}

export interface ChannelReply {
  /** The boundary has arrived whole. */
  readonly isOver: boolean;
  readonly bytes: Uint8Array;
}

function encode(flag: boolean, bytes: Uint8Array): Uint8Array {
  return new ByteWriter().u8(1).bool(flag).raw(bytes).finish();
}

function decode(what: string, all: Uint8Array, most: number): { readonly flag: boolean; readonly bytes: Uint8Array } {
  const reader = new ByteReader(all, what);
  if (reader.u8() !== 1) throw reader.refuse("unknown version");
  const flag = reader.bool();
  if (reader.remaining > most) throw reader.refuse(`${reader.remaining} bytes`);
  return { flag, bytes: reader.raw(reader.remaining).slice() };
}

/** u8 version = 1 ‖ bool isFirst ‖ bytes. */
export const encodeChannelData = ({ isFirst, bytes }: ChannelData): Uint8Array => encode(isFirst, bytes);

/** Errors: BYTES_TRUNCATED, NOT_CANONICAL. */
export function decodeChannelData(all: Uint8Array): ChannelData {
  const { flag: isFirst, bytes } = decode("The channel's data", all, MAX_CHANNEL_DATA);
  return { isFirst, bytes };
}

/** u8 version = 1 ‖ bool isOver ‖ bytes. */
export const encodeChannelReply = ({ isOver, bytes }: ChannelReply): Uint8Array => encode(isOver, bytes);

/** Errors: BYTES_TRUNCATED, NOT_CANONICAL. */
export function decodeChannelReply(all: Uint8Array): ChannelReply {
  const { flag: isOver, bytes } = decode("The channel's reply", all, MAX_CHANNEL_REPLY);
  return { isOver, bytes };
}
