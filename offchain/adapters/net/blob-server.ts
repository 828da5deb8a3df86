// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { storeBlob } from "../../core/blob.ts";
import { toHex } from "../../core/bytes.ts";
import type { Hex } from "../../core/bytes.ts";
import type { BlobStore, PartDigest } from "../../core/ports/blob-store.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Transport } from "../../core/ports/transport.ts";
import { BLOB_PROTOCOL, decodeBlobRequest } from "./blob-wire.ts";
import { NetError } from "./errors.ts";
import type { NetLimits } from "./limits.ts";

interface Grant {
  readonly parts: Set<string>;
  readonly expiresAtMs: number;
}

export interface PublishedBlob {
  /** Digest of the root part: what the offer names. */
  readonly root: Hex;
  readonly bytes: number;
  /** 16 random bytes, hex: who shows them was offered the blob. */
  readonly grant: Hex;
}

/** Serves parts to whoever shows a grant for them. What is served is sealed already: a grant limits traffic, not knowledge. */
export class BlobServer {
  readonly #limits: NetLimits;
  readonly #store: BlobStore;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #grants = new Map<Hex, Grant>();
  #sending = 0;

  constructor(
    options: { readonly limits: NetLimits },
    modules: { readonly store: BlobStore; readonly clock: Pick<Clock, "nowMs">; readonly transport: Transport },
  ) {
    this.#limits = options.limits;
    this.#store = modules.store;
    this.#clock = modules.clock;
    modules.transport.serve(BLOB_PROTOCOL, (_from, request, signal) => this.#answer(request, signal));
  }

  /** Stores a blob and grants it until `expiresAtMs`, under a new grant or one more under the given. Errors of the store (QUOTA_EXCEEDED, …). */
  async publish(
    bytes: Uint8Array,
    options: { readonly expiresAtMs: number; readonly grant?: Hex },
  ): Promise<PublishedBlob> {
    const { expiresAtMs } = options;
    const { root, digests } = await storeBlob(bytes, (part) => this.#store.put(part, { expiresAtMs }));
    return { root, bytes: bytes.length, grant: this.grant(digests, expiresAtMs, options.grant) };
  }

  /** Grants parts that are stored, e.g. to a further receiver. */
  grant(parts: readonly PartDigest[], expiresAtMs: number, name: Hex = toHex(randomBytes(16))): Hex {
    const nowMs = this.#clock.nowMs();
    for (const [old, grant] of this.#grants) if (grant.expiresAtMs <= nowMs) this.#grants.delete(old);
    const known = this.#grants.get(name) ?? { parts: new Set(), expiresAtMs };
    for (const part of parts) known.parts.add(part);
    this.#grants.set(name, { ...known, expiresAtMs: Math.max(known.expiresAtMs, expiresAtMs) });
    return name;
  }

  revoke(grant: Hex): void {
    this.#grants.delete(grant);
  }

  async *#answer(bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const request = decodeBlobRequest(bytes);
    const grant = this.#grants.get(request.grant);
    if (!grant || grant.expiresAtMs <= this.#clock.nowMs()) throw new NetError("GRANT_UNKNOWN", {});
    if (request.op === "HAVE") {
      const bitmap = new Uint8Array(Math.ceil(request.parts.length / 8));
      for (const [i, part] of request.parts.entries()) {
        // Parts outside the grant are "not here": a grant must not probe for other jobs' blobs.
        const here = grant.parts.has(part) && (await this.#store.has(part));
        if (here) bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
      }
      yield bitmap;
      return;
    }
    if (!grant.parts.has(request.part)) throw new NetError("GRANT_UNKNOWN", {});
    if (this.#sending + this.#limits.requestBytes > this.#limits.bytesInFlight) {
      throw new NetError("PEER_BUSY", { peer: "this worker" });
    }
    this.#sending += this.#limits.requestBytes;
    try {
      const part = await this.#store.get(request.part);
      if (part === null) throw new NetError("PART_MISSING", {});
      signal.throwIfAborted();
      yield part;
    } finally {
      this.#sending -= this.#limits.requestBytes;
    }
  }
}
