// SPDX-License-Identifier: GPL-3.0-or-later
import { EvidenceError } from "../errors.ts";
import { bareHex } from "./fields.ts";

// ITU-T X.690, the distinguished rules: definite, minimal lengths; one encoding per value; nothing behind the value.

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** No structure of any vendor comes near. */
const MAX_CHILDREN = 8192;

export interface DerValue {
  readonly tag: number;
  /** Contents. */
  readonly value: Uint8Array;
  /** Tag, length and contents. */
  readonly whole: Uint8Array;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("DER", { detail });
};

function readAt(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return refuse("truncated header");
  if ((tag & 0x1f) === 0x1f) return refuse("long tag");
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) return refuse("length of indefinite or oversized form");
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? refuse("truncated length"));
    if (length < 0x80 || length < 256 ** (count - 1)) return refuse("length is not minimal");
    start += count;
  }
  if (start + length > bytes.length) return refuse("value runs over its container");
  return { tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** The one value that fills `bytes`. Error: DER. */
export function readDer(bytes: Uint8Array, tag: number): DerValue {
  const value = readAt(bytes, 0);
  if (value.whole.length !== bytes.length) return refuse("bytes behind the value");
  return ofTag(value, tag);
}

/** The members of a constructed value, given its contents. Error: DER. */
export function derChildren(contents: Uint8Array): DerValue[] {
  const out: DerValue[] = [];
  for (let at = 0; at < contents.length;) {
    if (out.length === MAX_CHILDREN) return refuse("too many members");
    const value = readAt(contents, at);
    out.push(value);
    at += value.whole.length;
  }
  return out;
}

export function ofTag(value: DerValue | undefined, tag: number): DerValue {
  if (value === undefined) return refuse(`a value of tag ${tag} is missing`);
  if (value.tag !== tag) return refuse(`tag ${value.tag} where ${tag} belongs`);
  return value;
}

export const derSequence = (value: DerValue | undefined): DerValue[] => derChildren(ofTag(value, TAG.sequence).value);

/** Magnitude of a non-negative INTEGER, big-endian without a leading zero byte (one zero byte for 0). Error: DER. */
export function derUnsigned(value: DerValue | undefined): Uint8Array {
  const bytes = ofTag(value, TAG.integer).value;
  const [first, second] = bytes;
  if (first === undefined) return refuse("empty integer");
  if (first >= 0x80) return refuse("negative integer");
  if (first !== 0 || second === undefined) return bytes;
  if (second < 0x80) return refuse("integer is not minimal");
  return bytes.subarray(1);
}

/** A non-negative INTEGER up to `max`. Error: DER. */
export function derSmall(value: DerValue | undefined, max: number): number {
  const bytes = derUnsigned(value);
  const number = bytes.length > 4 ? Infinity : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return number > max ? refuse("integer is too large") : number;
}

export function derBoolean(value: DerValue | undefined): boolean {
  const bytes = ofTag(value, TAG.boolean).value;
  if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) return refuse("boolean");
  return bytes[0] === 0xff;
}

/** The object identifier's contents in hex: compared, never decoded. Error: DER. */
export function derOid(value: DerValue | undefined): string {
  const bytes = ofTag(value, TAG.oid).value;
  if (bytes.length === 0 || bytes.length > 64 || (bytes.at(-1) ?? 0x80) >= 0x80) return refuse("object identifier");
  if (bytes.some((byte, i) => byte === 0x80 && (i === 0 || (bytes[i - 1] ?? 0) < 0x80))) return refuse("padded arc");
  return bareHex(bytes);
}

/** Bits of a BIT STRING with `unused` bits at the end, all zero. Error: DER. */
export function derBits(value: DerValue | undefined): { readonly bytes: Uint8Array; readonly unused: number } {
  const contents = ofTag(value, TAG.bitString).value;
  const unused = contents[0] ?? refuse("empty bit string");
  const bytes = contents.subarray(1);
  if (unused > 7 || (bytes.length === 0 && unused > 0)) return refuse("unused bits");
  if (((bytes.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) return refuse("unused bits are set");
  return { bytes, unused };
}

/** Whole bytes of a BIT STRING: a key or a signature. Error: DER. */
export function derBitBytes(value: DerValue | undefined): Uint8Array {
  const { bytes, unused } = derBits(value);
  return unused === 0 ? bytes : refuse("bit string of broken bytes");
}

/** UTCTime or GeneralizedTime, to the second and in Z, as RFC 5280 §4.1.2.5 wants; Unix seconds. Error: DER. */
export function derTime(value: DerValue | undefined): bigint {
  if (value === undefined || (value.tag !== TAG.utcTime && value.tag !== TAG.generalizedTime))
    return refuse("a time is missing");
  const text = String.fromCharCode(...value.value.subarray(0, 16));
  const digits = value.tag === TAG.utcTime ? 12 : 14;
  if (value.value.length !== digits + 1 || !/^\d+Z$/.test(text)) return refuse("time is not to the second in Z");
  const short = digits === 12 ? Number(text.slice(0, 2)) : 0;
  const year = digits === 12 ? (short < 50 ? 2000 : 1900) + short : Number(text.slice(0, 4));
  if (digits === 14 && year < 2050) return refuse("GeneralizedTime before 2050");
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = [10, 8, 6, 4, 2].map((back) =>
    Number(text.slice(digits - back, digits - back + 2)),
  );
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const iso = [String(year), ...[month, day, hour, minute, second].map((part) => String(part).padStart(2, "0"))];
  if (
    Number.isNaN(ms) ||
    new Date(ms).toISOString().replaceAll(/[-T:.Z]/g, "") !== `${iso.join("").padStart(14, "0")}000`
  )
    return refuse("no such date");
  return BigInt(ms / 1000);
}
