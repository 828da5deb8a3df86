// SPDX-License-Identifier: GPL-3.0-or-later
import { NetError } from "./errors.ts";

/** The protocol's limits (split.md §9). Configuration may only lower them. */
export const MAX_LIMITS = {
  /** 1 MiB part plus 4 KiB around it. */
  requestBytes: (1 << 20) + (4 << 10),
  dialMs: 5_000,
  idleMs: 15_000,
  callMs: 30_000,
  /** Inbound connections of one listener. */
  connections: 256,
  /** Handlers running at once; more are answered "busy". */
  handlers: 128,
  /** Outbound sockets to one peer; more calls wait for one. */
  socketsPerPeer: 32,
  /** Bytes of a blob fetched as job data, and of keys and programs. */
  boundaryBytes: 64 << 20,
  programBytes: 512 << 20,
  retries: 3,
  backoffMs: 250,
  fetches: 16,
  fetchesPerPeer: 4,
  bytesInFlight: 64 << 20,
  offersPerPeer: 32,
} as const;

export type NetLimits = { readonly [Name in keyof typeof MAX_LIMITS]: number };

/** The limits with some lowered. Error LIMIT_INVALID. */
export function lowerLimits(changes: Partial<NetLimits> = {}): NetLimits {
  for (const [name, value] of Object.entries(changes)) {
    const max: number = Object.hasOwn(MAX_LIMITS, name) ? MAX_LIMITS[name as keyof NetLimits] : 0;
    if (!Number.isSafeInteger(value) || value < 1 || value > max)
      throw new NetError("LIMIT_INVALID", { name, value, max });
  }
  return { ...MAX_LIMITS, ...changes };
}
