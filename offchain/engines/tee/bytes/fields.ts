// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";

// Little-endian fields at fixed offsets. The caller has checked the length: a missing byte reads as 0.

export const u16le = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
export const u32le = (bytes: Uint8Array, at: number): number => u16le(bytes, at) + u16le(bytes, at + 2) * 65_536;
export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Bare lower-case hex, the form of Intel's JSON after lower-casing. */
export const bareHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
