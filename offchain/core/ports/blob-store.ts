// SPDX-License-Identifier: MIT

/** sha2-256 of a part's bytes, lower-case hex; the CID's digest, and the bare digest on chain. */
export type PartDigest = `0x${string}`;

export interface BlobUsage {
  readonly parts: number;
  readonly bytes: number;
  readonly quotaBytes: number;
}

/**
 * Content-addressed parts of at most 1 MiB. Bytes read back are hashed again: a damaged part reads as absent, never as other bytes.
 * Errors (module store): PART_TOO_LARGE, QUOTA_EXCEEDED, DIGEST_MISMATCH, NAME_INVALID.
 */
export interface BlobStore {
  /** Stores a part under its digest; with `expected` the bytes must have that digest. Storing again only extends the expiry. */
  put(
    bytes: Uint8Array,
    options?: { readonly expected?: PartDigest; readonly expiresAtMs?: number },
  ): Promise<PartDigest>;
  /** Bytes of the caller's own: a worker overwrites inputs when it forgets them. */
  get(digest: PartDigest): Promise<Uint8Array | null>;
  has(digest: PartDigest): Promise<boolean>;
  delete(digest: PartDigest): Promise<boolean>;
  /** Parts without expiry are kept until set here or deleted. */
  setExpiry(digest: PartDigest, expiresAtMs: number): Promise<void>;
  /** Removes parts whose expiry is at or before `nowMs`; returns how many. */
  sweep(nowMs: number): Promise<number>;
  usage(): Promise<BlobUsage>;
}
