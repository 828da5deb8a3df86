// SPDX-License-Identifier: GPL-3.0-or-later
import { bareHex, u16le, u32le } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";
import type { EvidenceFormat } from "../verdict.ts";

// Intel, "SGX ECDSA QuoteGenReference" and "TDX DCAP Quoting Library API": quote layouts of versions 3, 4 and 5.

const INTEL_QE_VENDOR = "939a7233f79c4ca9940a0db3957f0607";
const ECDSA_P256 = 2;
const TDX = 0x81;
const SIZES = { sgx: 384, td10: 584, td15: 648 } as const;

export interface Quote {
  readonly isTdx: boolean;
  /** Header (and body descriptor) and body: what the attestation key signs. */
  readonly signed: Uint8Array;
  /** SGX report, TD report 1.0 or 1.5. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  readonly attestationKey: Uint8Array;
  readonly qeReport: Uint8Array;
  readonly qeSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  /** PCK certificate chain, PEM, leaf first. */
  readonly chain: string;
  /** Bytes used; the rest of the input is unsigned filling. */
  readonly used: number;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("QUOTE", { detail });
};

function bodyOf(bytes: Uint8Array, format: EvidenceFormat): { at: number; size: number; isTdx: boolean } {
  const [version, keyType, teeType] = [u16le(bytes, 0), u16le(bytes, 2), u32le(bytes, 4)];
  const isTdx = teeType === TDX;
  if (!isTdx && teeType !== 0) return refuse(`TEE type ${teeType}`);
  if (keyType !== ECDSA_P256) return refuse(`attestation key type ${keyType}`);
  if (`dcap-${isTdx ? "tdx" : "sgx"}-v${version}` !== format) return refuse(`version ${version} is no ${format}`);
  if (bareHex(bytes.subarray(12, 28)) !== INTEL_QE_VENDOR) throw new EvidenceError("QE", { detail: "its vendor" });
  if (version === 3) return { at: 48, size: SIZES.sgx, isTdx };
  if (version === 4) return { at: 48, size: SIZES.td10, isTdx };
  const size = { 2: SIZES.td10, 3: SIZES.td15 }[u16le(bytes, 48)];
  if (size === undefined || u32le(bytes, 50) !== size) return refuse("body type and size");
  return { at: 54, size, isTdx };
}

/** Cuts a quote into its parts; every length must add up. Errors: QUOTE, QE. */
export function parseQuote(bytes: Uint8Array, format: EvidenceFormat): Quote {
  if (bytes.length < 48 + SIZES.sgx) return refuse("truncated");
  const { at, size, isTdx } = bodyOf(bytes, format);
  const bodyEnd = at + size;
  const end = bodyEnd + 4 + u32le(bytes, bodyEnd);
  if (bytes.length < bodyEnd + 4 || end > bytes.length) return refuse("truncated");
  let cursor = bodyEnd + 4;
  const take = (length: number): Uint8Array => {
    if (length > end - cursor) return refuse("signature data is too short");
    cursor += length;
    return bytes.subarray(cursor - length, cursor);
  };
  const certification = (type: number): number => {
    const head = take(6);
    const length = u32le(head, 2);
    if (u16le(head, 0) !== type) return refuse(`certification data of type ${u16le(head, 0)} where ${type} belongs`);
    return length === end - cursor ? length : refuse("certification data has another length");
  };
  const [signature, attestationKey] = [take(64), take(64)];
  if (format !== "dcap-sgx-v3") certification(6);
  const [qeReport, qeSignature] = [take(384), take(64)];
  const qeAuthData = take(u16le(take(2), 0));
  const chain = Buffer.from(take(certification(5))).toString("latin1");
  const [signed, body] = [bytes.subarray(0, bodyEnd), bytes.subarray(at, bodyEnd)];
  return { isTdx, signed, body, signature, attestationKey, qeReport, qeSignature, qeAuthData, chain, used: end };
}
