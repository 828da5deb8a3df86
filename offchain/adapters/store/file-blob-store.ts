// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore, BlobUsage, PartDigest } from "../../core/ports/blob-store.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { StoreError } from "./errors.ts";
import { laterOf } from "./memory-blob-store.ts";
import { checkDigest, checkPart, MAX_PART_BYTES, partDigest } from "./part-digest.ts";

interface Entry {
  readonly bytes: number;
  expiresAtMs: number | null;
}

const FILE = /^([0-9a-f]{64})\.(keep|[0-9]{1,15})$/;

/**
 * A `BlobStore` on disk: `parts/<2 hex>/<64 hex>.<expiry in ms | keep>`. A part appears by rename after fsync, so it is whole or
 * absent after a crash; the expiry is in the name because a rename is atomic and survives copies. One process a folder.
 */
export class FileBlobStore implements BlobStore {
  readonly #root: string;
  readonly #quotaBytes: number;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #index = new Map<PartDigest, Entry>();
  /** Writers of one digest wait for each other; different digests go side by side. */
  readonly #busy = new Map<PartDigest, Promise<unknown>>();
  #bytes = 0;

  private constructor(root: string, quotaBytes: number, clock: Pick<Clock, "nowMs">) {
    this.#root = root;
    this.#quotaBytes = quotaBytes;
    this.#clock = clock;
  }

  /** Reads the folder's names and sizes; removes unfinished files of a crash. Contents are checked when read. */
  static async open(
    options: { readonly root: string; readonly quotaBytes: number },
    modules: { readonly clock: Pick<Clock, "nowMs"> },
  ): Promise<FileBlobStore> {
    const store = new FileBlobStore(options.root, options.quotaBytes, modules.clock);
    await store.#disk("open", async () => {
      await rm(join(options.root, "tmp"), { recursive: true, force: true });
      await mkdir(join(options.root, "tmp"), { recursive: true, mode: 0o700 });
      await mkdir(join(options.root, "parts"), { recursive: true, mode: 0o700 });
      for (const folder of await readdir(join(options.root, "parts"))) {
        if (/^[0-9a-f]{2}$/.test(folder)) await store.#scan(folder);
      }
    });
    return store;
  }

  async put(bytes: Uint8Array, options: { expected?: PartDigest; expiresAtMs?: number } = {}): Promise<PartDigest> {
    const digest = checkPart(bytes, options.expected, MAX_PART_BYTES);
    const expiresAtMs = checkExpiry(options.expiresAtMs ?? null);
    return await this.#alone(digest, async () => {
      const present = this.#index.get(digest);
      if (present) {
        await this.#move(digest, present, laterOf(present.expiresAtMs, expiresAtMs));
        return digest;
      }
      if (this.#bytes + bytes.length > this.#quotaBytes) await this.#sweep(this.#clock.nowMs(), digest);
      if (this.#bytes + bytes.length > this.#quotaBytes) {
        throw new StoreError("QUOTA_EXCEEDED", { used: this.#bytes, quota: this.#quotaBytes, bytes: bytes.length });
      }
      this.#bytes += bytes.length; // reserved before the first await, so that concurrent writers cannot pass the quota together
      try {
        await this.#disk("write", () => this.#write(digest, bytes, expiresAtMs));
      } catch (error) {
        this.#bytes -= bytes.length;
        throw error;
      }
      this.#index.set(digest, { bytes: bytes.length, expiresAtMs });
      return digest;
    });
  }

  async get(digest: PartDigest): Promise<Uint8Array | null> {
    const entry = this.#index.get(checkDigest(digest));
    if (!entry) return null;
    const bytes = await this.#disk("read", () => readOrNull(this.#path(digest, entry.expiresAtMs)));
    if (bytes !== null && partDigest(bytes) === digest) return bytes;
    // The name may have changed while reading: look once more under the lock before calling it damaged.
    return await this.#alone(digest, async () => {
      const again = this.#index.get(digest);
      if (!again) return null;
      const second = await this.#disk("read", () => readOrNull(this.#path(digest, again.expiresAtMs)));
      if (second !== null && partDigest(second) === digest) return second;
      await this.#remove(digest, again);
      return null;
    });
  }

  async has(digest: PartDigest): Promise<boolean> {
    return this.#index.has(checkDigest(digest));
  }

  async delete(digest: PartDigest): Promise<boolean> {
    return await this.#alone(checkDigest(digest), async () => {
      const entry = this.#index.get(digest);
      if (!entry) return false;
      await this.#remove(digest, entry);
      return true;
    });
  }

  async setExpiry(digest: PartDigest, expiresAtMs: number): Promise<void> {
    checkExpiry(expiresAtMs);
    await this.#alone(checkDigest(digest), async () => {
      const entry = this.#index.get(digest);
      if (entry) await this.#move(digest, entry, expiresAtMs);
    });
  }

  async sweep(nowMs: number): Promise<number> {
    return await this.#sweep(nowMs, null);
  }

  async usage(): Promise<BlobUsage> {
    return { parts: this.#index.size, bytes: this.#bytes, quotaBytes: this.#quotaBytes };
  }

  async #sweep(nowMs: number, held: PartDigest | null): Promise<number> {
    let removed = 0;
    for (const digest of this.#index.keys()) {
      if (digest === held) continue;
      if (!isExpired(this.#index.get(digest), nowMs)) continue;
      await this.#alone(digest, async () => {
        const entry = this.#index.get(digest);
        if (!entry || !isExpired(entry, nowMs)) return;
        await this.#remove(digest, entry);
        removed++;
      });
    }
    return removed;
  }

  async #scan(folder: string): Promise<void> {
    for (const name of await readdir(join(this.#root, "parts", folder))) {
      const match = FILE.exec(name);
      if (!match?.[1]?.startsWith(folder)) continue;
      const info = await stat(join(this.#root, "parts", folder, name));
      if (!info.isFile()) continue;
      const digest: PartDigest = `0x${match[1]}`;
      if (this.#index.has(digest)) continue; // a copy by hand; the first stands
      this.#index.set(digest, { bytes: info.size, expiresAtMs: match[2] === "keep" ? null : Number(match[2]) });
      this.#bytes += info.size;
    }
  }

  async #write(digest: PartDigest, bytes: Uint8Array, expiresAtMs: number | null): Promise<void> {
    const folder = join(this.#root, "parts", digest.slice(2, 4));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.#root, "tmp", randomBytes(12).toString("hex"));
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path(digest, expiresAtMs));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const handle = await open(folder, "r"); // the rename itself must survive a power loss
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #move(digest: PartDigest, entry: Entry, expiresAtMs: number | null): Promise<void> {
    if (entry.expiresAtMs === expiresAtMs) return;
    await this.#disk("rename", () => rename(this.#path(digest, entry.expiresAtMs), this.#path(digest, expiresAtMs)));
    entry.expiresAtMs = expiresAtMs;
  }

  async #remove(digest: PartDigest, entry: Entry): Promise<void> {
    await this.#disk("delete", () => rm(this.#path(digest, entry.expiresAtMs), { force: true }));
    this.#index.delete(digest);
    this.#bytes -= entry.bytes;
  }

  #path(digest: PartDigest, expiresAtMs: number | null): string {
    return join(this.#root, "parts", digest.slice(2, 4), `${digest.slice(2)}.${expiresAtMs ?? "keep"}`);
  }

  async #alone<T>(digest: PartDigest, action: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(digest);
    const run = (before ?? Promise.resolve()).then(action, action);
    this.#busy.set(digest, run);
    try {
      return await run;
    } finally {
      if (this.#busy.get(digest) === run) this.#busy.delete(digest);
    }
  }

  async #disk<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new StoreError("BLOB_STORE_FAILED", { action, reason: reasonOf(cause) }, { cause });
    }
  }
}

function isExpired(entry: Entry | undefined, nowMs: number): boolean {
  return entry !== undefined && entry.expiresAtMs !== null && entry.expiresAtMs <= nowMs;
}

function checkExpiry(expiresAtMs: number | null): number | null {
  if (expiresAtMs === null || (Number.isSafeInteger(expiresAtMs) && expiresAtMs >= 0 && expiresAtMs < 1e15)) {
    return expiresAtMs;
  }
  throw new StoreError("FIELD_INVALID", { field: "expiresAtMs", reason: "not a time in milliseconds" });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
}

async function readOrNull(path: string): Promise<Uint8Array | null> {
  try {
    const info = await stat(path);
    if (info.size > MAX_PART_BYTES) return null; // altered on disk: never read more than a part into memory
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
