// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { MAX_MEMBERS } from "../../../core/threshold/draw-committee.ts";
import { SEALED_SHARE_BYTES, type SealedShare } from "../../../core/threshold/sealed-input.ts";

const MAX_MESSAGE = 4_096;

/** u8 n ‖ n × (u32le length ‖ bytes). */
export function encodeList(messages: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter().u8(messages.length);
  for (const one of messages) writer.bytes(one);
  return writer.finish();
}

/** Errors: TOO_LARGE, BYTES_TRUNCATED, BYTES_TRAILING. */
export function decodeList(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(bytes, "A list of messages");
  const list = Array.from({ length: reader.count(reader.u8(), MAX_MEMBERS, 4) }, () => reader.bytes(MAX_MESSAGE));
  reader.end();
  return list;
}

/** u8 n ‖ n × (u8 index ‖ sealed share) ‖ the input. */
export function encodeUnwrap(shares: readonly SealedShare[], blob: Uint8Array): Uint8Array {
  const writer = new ByteWriter().u8(shares.length);
  for (const { index, sealed } of shares) writer.u8(index).fixed(sealed, SEALED_SHARE_BYTES, "A sealed share");
  return writer.raw(blob).finish();
}

/** Errors: TOO_LARGE, BYTES_TRUNCATED. */
export function decodeUnwrap(bytes: Uint8Array): { readonly shares: readonly SealedShare[]; readonly blob: Uint8Array } {
  const reader = new ByteReader(bytes, "An input with shares");
  const count = reader.count(reader.u8(), MAX_MEMBERS, 1 + SEALED_SHARE_BYTES);
  const shares = Array.from({ length: count }, () => ({ index: reader.u8(), sealed: reader.raw(SEALED_SHARE_BYTES).slice() })); // prettier-ignore
  return { shares, blob: reader.raw(reader.remaining) };
} // prettier-ignore
