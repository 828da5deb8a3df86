// SPDX-License-Identifier: GPL-3.0-or-later
import { isZero, u32le } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";

// AMD, "SEV Secure Nested Paging Firmware ABI" (56860), table "ATTESTATION_REPORT", versions 2 and 3.

const SIZE = 0x4a0;
const SIGNED = 0x2a0;
const ECDSA_P384_SHA384 = 1;

export const SNP_PARTS = ["bootloader", "tee", "snp", "microcode"] as const;
export type SnpTcb = Readonly<Record<(typeof SNP_PARTS)[number], number>>;

export interface SnpReport {
  readonly version: number;
  readonly policy: Uint8Array;
  readonly vmpl: number;
  readonly keyInfo: number;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly reportedTcb: SnpTcb;
  /** Version 3: CPUID family and model. */
  readonly cpu: { readonly family: number; readonly model: number } | undefined;
  readonly chipId: Uint8Array;
  readonly signed: Uint8Array;
  /** r || s, big-endian. */
  readonly signature: Uint8Array;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("QUOTE", { detail });
};

/** 72 little-endian bytes, 48 of them used. */
function scalar(bytes: Uint8Array): Uint8Array {
  if (!isZero(bytes.subarray(48))) return refuse("a signature scalar is too long");
  return bytes.subarray(0, 48).toReversed();
}

/** Error: QUOTE. */
export function parseSnp(bytes: Uint8Array): SnpReport {
  if (bytes.length < SIZE) return refuse("truncated");
  const version = u32le(bytes, 0);
  if (version !== 2 && version !== 3) return refuse(`report version ${version}`);
  if (u32le(bytes, 0x34) !== ECDSA_P384_SHA384) return refuse("signature algorithm");
  const field = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  const byte = (at: number): number => bytes[at] ?? 0;
  if (!isZero(field(0x330, SIZE - 0x330))) return refuse("bytes behind the signature are not zero");
  const signature = new Uint8Array(96);
  signature.set(scalar(field(SIGNED, 72)));
  signature.set(scalar(field(SIGNED + 72, 72)), 48);
  return {
    version,
    policy: field(8, 8),
    vmpl: u32le(bytes, 0x30),
    keyInfo: u32le(bytes, 0x48),
    reportData: field(0x50, 64),
    measurement: field(0x90, 48),
    hostData: field(0xc0, 32),
    idKeyDigest: field(0xe0, 48),
    reportedTcb: { bootloader: byte(0x180), tee: byte(0x181), snp: byte(0x186), microcode: byte(0x187) },
    cpu: version === 3 ? { family: byte(0x188), model: byte(0x189) } : undefined,
    chipId: field(0x1a0, 64),
    signed: field(0, SIGNED),
    signature,
  };
}

export const SNP_REPORT_BYTES = SIZE;
