// SPDX-License-Identifier: GPL-3.0-or-later
import { createBlobPort } from "../../../offchain/node/blob-port.ts";
import { MemoryBlobStore } from "../../../offchain/adapters/store/memory-blob-store.ts";
import type { BlobPort } from "../../../offchain/protocol/ports.ts";

/** A worker's blob port over a store in memory. */
export const memoryBlobs = (clock: { nowMs(): number }): BlobPort =>
  createBlobPort(new MemoryBlobStore({ quotaBytes: 64 << 20 }, { clock }), clock);
