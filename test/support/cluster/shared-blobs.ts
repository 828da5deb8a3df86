// SPDX-License-Identifier: GPL-3.0-or-later
import { splitBlob } from "../../../offchain/core/blob.ts";
import type { BlobPort, Hex } from "../../../offchain/protocol/ports.ts";

/** One store for all workers of a test process: what is published is there for everybody. */
export class SharedBlobs {
  readonly #blobs = new Map<Hex, Uint8Array>();

  put(bytes: Uint8Array): Hex {
    const { root } = splitBlob(bytes);
    this.#blobs.set(root, bytes);
    return root;
  }

  port(): BlobPort {
    return {
      publish: async (bytes) => this.put(bytes),
      keep: async (bytes) => this.put(bytes),
      read: async (root) => this.#blobs.get(root) ?? null,
      expect: () => undefined,
      fetch: async (_from, root) => this.#blobs.get(root) ?? new Uint8Array(),
    };
  }
}
