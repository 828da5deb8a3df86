// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";

// RFC 8949 in the one encoding that `readCbor` takes: definite and shortest lengths. Lengths up to 65,535; error: CBOR.

export const CBOR_NULL = Uint8Array.of(0xf6);

function head(major: number, argument: number): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  if (argument < 256) return Uint8Array.of(first | 24, argument);
  if (argument < 65_536) return Uint8Array.of(first | 25, argument >> 8, argument & 255);
  throw new EvidenceError("CBOR", { detail: `an item of ${argument} is too long` });
}

export const cborBytes = (bytes: Uint8Array): Uint8Array => concatBytes(head(2, bytes.length), bytes);
export function cborText(text: string): Uint8Array {
  const bytes = utf8(text);
  return concatBytes(head(3, bytes.length), bytes);
}
/** Keys in the given order; values are encoded items. */
export const cborMap = (entries: readonly (readonly [string, Uint8Array])[]): Uint8Array =>
  concatBytes(head(5, entries.length), ...entries.flatMap(([key, value]) => [cborText(key), value]));
