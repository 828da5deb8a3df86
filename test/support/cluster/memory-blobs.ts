// SPDX-License-Identifier: GPL-3.0-or-later
import { MAX_LIMITS } from "../../../offchain/adapters/net/limits.ts";
import { MemoryBlobStore } from "../../../offchain/adapters/store/memory-blob-store.ts";
import type { BlobStore } from "../../../offchain/core/ports/blob-store.ts";
import type { Clock } from "../../../offchain/core/ports/clock.ts";
import type { Transport } from "../../../offchain/core/ports/transport.ts";
import { createBlobPort } from "../../../offchain/node/blob-port.ts";
import type { BlobPort } from "../../../offchain/protocol/ports.ts";

export const memoryStore = (clock: { nowMs(): number }, quotaBytes = 64 << 20): BlobStore =>
  new MemoryBlobStore({ quotaBytes }, { clock });

/** A worker's blob port over a store in memory. */
export const memoryBlobs = (clock: Clock, transport: Transport, store = memoryStore(clock)): BlobPort =>
  createBlobPort(MAX_LIMITS, { store, clock, transport });
