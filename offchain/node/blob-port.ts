// SPDX-License-Identifier: GPL-3.0-or-later
import { BlobFetcher } from "../adapters/net/blob-fetcher.ts";
import { BlobServer } from "../adapters/net/blob-server.ts";
import type { NetLimits } from "../adapters/net/limits.ts";
import { assertPart, indexOf, joinBlob, partDigest, splitBlob } from "../core/blob.ts";
import { decodePut, PUT_STORED } from "../core/blob-put.ts";
import type { BlobStore } from "../core/ports/blob-store.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Transport } from "../core/ports/transport.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { BlobPort, Hex } from "../protocol/ports.ts";

interface Expected {
  readonly root: Hex;
  readonly expiresAtMs: number;
  /** Bytes that may still arrive: the offer's, and its index. */
  left: number;
  /** Parts of the blob; the root's alone until its index is here. */
  parts: ReadonlySet<Hex>;
}

const refuse = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: "a put", reason });

/**
 * `BlobPort` over the part store; serves granted parts on the transport. Puts cost at most what their offer declared; nothing is stored
 * without an accepted offer.
 */
export function createBlobPort(
  limits: NetLimits,
  modules: { readonly store: BlobStore; readonly clock: Pick<Clock, "nowMs" | "sleep">; readonly transport: Transport },
): BlobPort {
  const { store, clock } = modules;
  const server = new BlobServer({ limits }, modules);
  const fetcher = new BlobFetcher({ limits }, modules);
  const expected = new Map<Hex, Expected>();
  const tidy = () => {
    for (const [grant, entry] of expected) if (entry.expiresAtMs <= clock.nowMs()) expected.delete(grant);
  };
  return {
    publish: (bytes, options) => server.publish(bytes, options),
    fetch: ({ sources, ...options }) => fetcher.fetch({ ...options, holders: sources }),
    async keep(bytes, expiresAtMs) {
      const { root, parts } = splitBlob(bytes);
      for (const part of parts) await store.put(part.bytes, { expected: part.digest, expiresAtMs });
      return root;
    },
    async read(root, maxBytes) {
      const first = await store.get(root);
      if (first === null) return null;
      const index = indexOf(first, maxBytes);
      if (index === null) return first;
      const parts: Uint8Array[] = [];
      for (const digest of index.parts) {
        const part = await store.get(digest);
        if (part === null) return null;
        parts.push(part);
      }
      return joinBlob(index, parts);
    },
    expect(root, grant, bytes, expiresAtMs) {
      tidy();
      // An index has 32 bytes a part; the smallest useful parts are 4 KiB.
      expected.set(grant, { root, expiresAtMs, left: bytes + 64 + Math.ceil(bytes / 128), parts: new Set([root]) });
    },
    async put(request) {
      const { grant, root, part } = decodePut(request);
      const entry = expected.get(grant);
      if (entry === undefined || entry.root !== root || entry.expiresAtMs <= clock.nowMs())
        throw refuse("the grant is unknown");
      const digest = partDigest(part);
      if (!entry.parts.has(digest)) throw refuse("the part does not belong to the offered blob");
      if (part.length > entry.left) throw refuse("more bytes than were offered");
      entry.left -= part.length;
      await store.put(assertPart(part, digest), { expected: digest, expiresAtMs: entry.expiresAtMs });
      const index = digest === root ? indexOf(part) : null;
      if (index !== null) entry.parts = new Set([root, ...index.parts]);
      return PUT_STORED;
    },
  };
}
