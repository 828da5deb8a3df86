// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, toHex, utf8, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import type { PlatformKind } from "../../core/enclave-status.ts";

/** Vendor numbers of the hashes below: never renumbered. */
const NUMBERS: Readonly<Record<PlatformKind, number>> = {
  "intel-sgx": 1,
  "intel-tdx": 2,
  "amd-snp": 3,
  "aws-nitro": 4,
  "nvidia-gpu": 5,
};

/** keccak256("assay.v1.measurement" || u8 vendor || (u8 tag || u16be length || bytes)*), tags from 1 in the fields' order. */
export function measurementId(platform: PlatformKind, fields: readonly Uint8Array[]): Hex {
  const parts = fields.flatMap((field, i) => [Uint8Array.of(i + 1, field.length >> 8, field.length & 255), field]);
  return toHex(keccak256(utf8("assay.v1.measurement"), Uint8Array.of(NUMBERS[platform]), concatBytes(...parts)));
}

/** keccak256("assay.v1.platform" || u8 vendor || identity). */
export function platformId(platform: PlatformKind, identity: Uint8Array): Hex {
  return toHex(keccak256(utf8("assay.v1.platform"), Uint8Array.of(NUMBERS[platform]), identity));
}
