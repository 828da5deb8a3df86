// SPDX-License-Identifier: MIT
import { CoreError } from "./core-errors.ts";

/** Lower-case when made here; both cases are read. */
export type Hex = `0x${string}`;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const text = { encoder: new TextEncoder(), decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }) };

/** Longer texts are made of their characters' codes: joining pieces takes five times as long. */
const MAX_BY_PIECES = 64;

export function toHex(bytes: Uint8Array): Hex {
  if (bytes.length > MAX_BY_PIECES) return longHex(bytes);
  let out = "";
  for (const byte of bytes) out += HEX[byte];
  return `0x${out}`;
}

function longHex(bytes: Uint8Array): Hex {
  const codes = new Uint8Array(2 + 2 * bytes.length);
  codes.set([48, 120]);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    codes[2 + 2 * i] = DIGITS[byte >> 4] ?? 0;
    codes[3 + 2 * i] = DIGITS[byte & 15] ?? 0;
  }
  return text.decoder.decode(codes) as Hex;
}

const nibble = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
};

/** Strict: `0x`, then whole bytes; with `length` exactly that many. Undefined if it is something else. */
export function tryHex(hex: unknown, length?: number): Uint8Array | undefined {
  if (typeof hex !== "string" || !hex.startsWith("0x") || hex.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(hex.length / 2 - 1);
  if (length !== undefined && bytes.length !== length) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    const high = nibble(hex.charCodeAt(2 * i + 2));
    const low = nibble(hex.charCodeAt(2 * i + 3));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function whyNotHex(hex: unknown, length: number | undefined): string {
  if (typeof hex !== "string" || !hex.startsWith("0x")) return "it does not begin with 0x";
  if (hex.length % 2 !== 0) return "it has an odd number of digits";
  const bytes = hex.length / 2 - 1;
  if (length !== undefined && bytes !== length) return `it has ${bytes} bytes instead of ${length}`;
  return `digit ${hex.slice(2).search(/[^0-9a-fA-F]/)} is no digit`;
}

/** `tryHex` for what should be right. Error: HEX_INVALID. */
export function fromHex(hex: string, length?: number, what = "The value"): Uint8Array {
  const bytes = tryHex(hex, length);
  if (bytes === undefined) throw new CoreError("HEX_INVALID", { what, why: whyNotHex(hex, length) });
  return bytes;
}

export const isHex = (value: unknown, length?: number): value is Hex =>
  typeof value === "string" &&
  /^0x(?:[0-9a-fA-F]{2})*$/.test(value) &&
  (length === undefined || value.length === 2 + 2 * length);

export const utf8 = (value: string): Uint8Array => text.encoder.encode(value);

/** Strict UTF-8; a byte order mark is kept as data. Error: NOT_CANONICAL. */
export function fromUtf8(bytes: Uint8Array, what = "The text"): string {
  try {
    return text.decoder.decode(bytes);
  } catch (cause) {
    throw new CoreError("NOT_CANONICAL", { what, why: "it is not UTF-8" }, { cause });
  }
}

export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => joinBytes(parts);

/** For lists whose length a stranger decides: some 100,000 arguments overflow the stack. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Takes the same time wherever equally long arrays differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function assertLength(bytes: Uint8Array, expected: number, what: string): Uint8Array {
  if (!(bytes instanceof Uint8Array) || bytes.length !== expected)
    throw new CoreError("LENGTH_WRONG", { what, actual: bytes.length, expected });
  return bytes;
}

/** Unsigned big-endian, exactly `length` bytes. Error: NUMBER_OUT_OF_RANGE. */
export function bigToBytes(value: bigint, length: number, what = "The number"): Uint8Array {
  if (value < 0n || value >> BigInt(8 * length) !== 0n)
    throw new CoreError("NUMBER_OUT_OF_RANGE", { what, value, low: 0, high: `2^${8 * length}-1` });
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let rest = value;
  let at = length;
  for (; at >= 8; at -= 8, rest >>= 64n) view.setBigUint64(at - 8, BigInt.asUintN(64, rest));
  for (; at > 0; at--, rest >>= 8n) out[at - 1] = Number(BigInt.asUintN(8, rest));
  return out;
}

/** Longer numbers are faster by way of their digits. */
const MAX_BY_WORDS = 64;

/** Unsigned, big-endian; 0 for no bytes. */
export function bytesToBig(bytes: Uint8Array): bigint {
  if (bytes.length > MAX_BY_WORDS) return BigInt(toHex(bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let value = 0n;
  let at = 0;
  for (; at < bytes.length % 8; at++) value = (value << 8n) | BigInt(view.getUint8(at));
  for (; at < bytes.length; at += 8) value = (value << 64n) | view.getBigUint64(at);
  return value;
}

/** Checks a whole number against an inclusive range. Error: NUMBER_OUT_OF_RANGE. */
export function assertInteger(value: number, low: number, high: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < low || value > high)
    throw new CoreError("NUMBER_OUT_OF_RANGE", { what, value: String(value), low, high });
  return value;
}
