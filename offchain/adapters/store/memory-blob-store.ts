// SPDX-License-Identifier: GPL-3.0-or-later
import type { BlobStore, BlobUsage, PartDigest } from "../../core/ports/blob-store.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { StoreError } from "./errors.ts";
import { checkDigest, checkPart, MAX_PART_BYTES } from "./part-digest.ts";

interface Entry {
  readonly bytes: Uint8Array;
  expiresAtMs: number | null;
}

/** A `BlobStore` in memory: requesters without a disk, tests. */
export class MemoryBlobStore implements BlobStore {
  readonly #parts = new Map<PartDigest, Entry>();
  readonly #quotaBytes: number;
  readonly #clock: Pick<Clock, "nowMs">;
  #bytes = 0;

  constructor(options: { readonly quotaBytes: number }, modules: { readonly clock: Pick<Clock, "nowMs"> }) {
    this.#quotaBytes = options.quotaBytes;
    this.#clock = modules.clock;
  }

  async put(bytes: Uint8Array, options: { expected?: PartDigest; expiresAtMs?: number } = {}): Promise<PartDigest> {
    const digest = checkPart(bytes, options.expected, MAX_PART_BYTES);
    const expiresAtMs = options.expiresAtMs ?? null;
    const present = this.#parts.get(digest);
    if (present) {
      present.expiresAtMs = laterOf(present.expiresAtMs, expiresAtMs);
      return digest;
    }
    if (this.#bytes + bytes.length > this.#quotaBytes) await this.sweep(this.#clock.nowMs());
    if (this.#bytes + bytes.length > this.#quotaBytes) {
      throw new StoreError("QUOTA_EXCEEDED", { used: this.#bytes, quota: this.#quotaBytes, bytes: bytes.length });
    }
    this.#parts.set(digest, { bytes: bytes.slice(), expiresAtMs });
    this.#bytes += bytes.length;
    return digest;
  }

  async get(digest: PartDigest): Promise<Uint8Array | null> {
    return this.#parts.get(checkDigest(digest))?.bytes.slice() ?? null;
  }

  async has(digest: PartDigest): Promise<boolean> {
    return this.#parts.has(checkDigest(digest));
  }

  async delete(digest: PartDigest): Promise<boolean> {
    const entry = this.#parts.get(checkDigest(digest));
    if (!entry) return false;
    this.#parts.delete(digest);
    this.#bytes -= entry.bytes.length;
    return true;
  }

  async setExpiry(digest: PartDigest, expiresAtMs: number): Promise<void> {
    const entry = this.#parts.get(checkDigest(digest));
    if (entry) entry.expiresAtMs = expiresAtMs;
  }

  async sweep(nowMs: number): Promise<number> {
    let removed = 0;
    for (const [digest, entry] of this.#parts) {
      if (entry.expiresAtMs === null || entry.expiresAtMs > nowMs) continue;
      this.#parts.delete(digest);
      this.#bytes -= entry.bytes.length;
      removed++;
    }
    return removed;
  }

  async usage(): Promise<BlobUsage> {
    return { parts: this.#parts.size, bytes: this.#bytes, quotaBytes: this.#quotaBytes };
  }
}

/** Null means kept, so it wins over any time. */
export function laterOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}
