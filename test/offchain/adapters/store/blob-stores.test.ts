// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileBlobStore } from "../../../../offchain/adapters/store/file-blob-store.ts";
import { MemoryBlobStore } from "../../../../offchain/adapters/store/memory-blob-store.ts";
import { blobStoreCompliance } from "../../../ports/blob-store.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

blobStoreCompliance("MemoryBlobStore", async ({ quotaBytes, clock }) => new MemoryBlobStore({ quotaBytes }, { clock }));
blobStoreCompliance("FileBlobStore", ({ quotaBytes, clock }) =>
  FileBlobStore.open({ root: temporaryFolder(), quotaBytes }, { clock }),
);

describe("FileBlobStore", () => {
  const clock = new ManualClock();
  const reopen = (root: string) => FileBlobStore.open({ root, quotaBytes: 1 << 20 }, { clock });
  const onlyFile = (root: string) => {
    const [name] = readdirSync(join(root, "parts"), { recursive: true, encoding: "utf8" }).filter((n) =>
      n.includes("."),
    );
    return join(root, "parts", String(name));
  };

  it("behavior: parts, sizes and expiries survive a restart; leftovers of a crash do not", async () => {
    const root = temporaryFolder();
    const store = await reopen(root);
    const kept = await store.put(new Uint8Array(10));
    const brief = await store.put(new Uint8Array(20), { expiresAtMs: clock.nowMs() + 5 });
    writeFileSync(join(root, "tmp", "half"), "half a part");
    writeFileSync(join(root, "parts", kept.slice(2, 4), "notes.txt"), "not ours");
    mkdirSync(join(root, "parts", "zz"));
    const again = await reopen(root);
    expect(await again.usage()).to.deep.include({ parts: 2, bytes: 30 });
    expect(readdirSync(join(root, "tmp"))).to.deep.equal([]);
    expect(await again.sweep(clock.nowMs() + 5)).to.equal(1);
    expect([await again.has(kept), await again.has(brief)]).to.deep.equal([true, false]);
  });

  it("behavior: R66: a damaged, truncated or swollen part reads as absent and is removed", async () => {
    const damages = [
      (path: string) => writeFileSync(path, new Uint8Array(10).fill(1)),
      (path: string) => truncateSync(path, 3),
      (path: string) => truncateSync(path, 3 << 20),
    ];
    for (const damage of damages) {
      const root = temporaryFolder();
      const digest = await (await reopen(root)).put(new Uint8Array(10));
      damage(onlyFile(root));
      const store = await reopen(root);
      expect(await store.get(digest)).to.equal(null);
      expect(await store.has(digest)).to.equal(false);
      expect(await store.usage()).to.deep.include({ parts: 0, bytes: 0 });
      await store.put(new Uint8Array(10));
      expect(await store.get(digest)).to.deep.equal(new Uint8Array(10));
    }
  });

  it("behavior: nobody else can read parts", async () => {
    const root = temporaryFolder();
    await (await reopen(root)).put(new Uint8Array(10));
    expect(statSync(onlyFile(root)).mode & 0o077).to.equal(0);
  });

  it("behavior: readers see a part while its expiry changes", async () => {
    const store = await reopen(temporaryFolder());
    const digest = await store.put(new Uint8Array(10), { expiresAtMs: 1 });
    const jobs: Promise<unknown>[] = [];
    for (let i = 2; i < 60; i++)
      jobs.push(
        store.setExpiry(digest, i),
        store.get(digest).then((part) => expect(part).to.have.length(10)),
      );
    await Promise.all(jobs);
    expect(await store.has(digest)).to.equal(true);
  });

  it("error: BLOB_STORE_FAILED when the folder is a file", async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, "file"), "");
    await expectCode("BLOB_STORE_FAILED", () => reopen(join(root, "file")));
  });

  it("error: FIELD_INVALID for an expiry that is no time", async () => {
    const store = await reopen(temporaryFolder());
    for (const expiresAtMs of [-1, 0.5, Number.NaN, 1e15]) {
      await expectCode("FIELD_INVALID", () => store.put(new Uint8Array(1), { expiresAtMs }));
    }
    expect((await store.usage()).parts).to.equal(0);
  });
});
