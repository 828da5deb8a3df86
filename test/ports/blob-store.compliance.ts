// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import type { BlobStore, PartDigest } from "../../offchain/core/ports/blob-store.ts";
import { expectCode } from "../support/expect-code.ts";
import { ManualClock } from "../support/manual-clock.ts";

export type MakeBlobStore = (options: { quotaBytes: number; clock: ManualClock }) => Promise<BlobStore>;

const bytes = (text: string) => new TextEncoder().encode(text);
/** sha256("abc"), FIPS 180-2. */
const ABC: PartDigest = "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/** What every `BlobStore` does. */
export function blobStoreCompliance(name: string, make: MakeBlobStore): void {
  describe(`${name} as a BlobStore`, () => {
    const clock = new ManualClock();
    const open = (quotaBytes = 8 << 20) => make({ quotaBytes, clock });

    it("default", async () => {
      const store = await open();
      expect(await store.get(ABC)).to.equal(null);
      expect(await store.put(bytes("abc"))).to.equal(ABC);
      expect(await store.has(ABC)).to.equal(true);
      expect(await store.get(ABC)).to.deep.equal(bytes("abc"));
      expect(await store.usage()).to.deep.equal({ parts: 1, bytes: 3, quotaBytes: 8 << 20 });
      expect(await store.delete(ABC)).to.equal(true);
      expect(await store.delete(ABC)).to.equal(false);
      expect(await store.usage()).to.deep.include({ parts: 0, bytes: 0 });
    });

    it("behavior: any bytes come back as they were, none to a full part", async () => {
      const store = await open(64 << 20);
      const sizes = fc.oneof(
        fc.uint8Array({ maxLength: 2048 }),
        fc.constant(new Uint8Array(0)),
        fc.constant(new Uint8Array(1 << 20)),
      );
      await fc.assert(
        fc.asyncProperty(sizes, async (part) => {
          const digest = await store.put(part);
          expect(await store.get(digest)).to.deep.equal(part);
        }),
        { numRuns: 50 },
      );
    });

    it("behavior: storing twice costs nothing twice and keeps the later expiry", async () => {
      const store = await open();
      const now = clock.nowMs();
      await store.put(bytes("abc"), { expiresAtMs: now + 100 });
      await store.put(bytes("abc"), { expiresAtMs: now + 50 });
      expect(await store.usage()).to.deep.include({ parts: 1, bytes: 3 });
      expect(await store.sweep(now + 99)).to.equal(0);
      await store.put(bytes("abc"));
      expect(await store.sweep(now + 1e9), "kept for good").to.equal(0);
    });

    it("behavior: concurrent writers of one part end with one part", async () => {
      const store = await open();
      await Promise.all(Array.from({ length: 20 }, () => store.put(bytes("abc"))));
      expect(await store.usage()).to.deep.include({ parts: 1, bytes: 3 });
    });

    it("behavior: a sweep removes what expired and nothing else", async () => {
      const store = await open();
      const now = clock.nowMs();
      const early = await store.put(bytes("early"), { expiresAtMs: now + 10 });
      const late = await store.put(bytes("late"));
      await store.setExpiry(late, now + 20);
      expect(await store.sweep(now + 10)).to.equal(1);
      expect([await store.has(early), await store.has(late)]).to.deep.equal([false, true]);
      expect(await store.sweep(now + 20)).to.equal(1);
      expect(await store.usage()).to.deep.include({ parts: 0, bytes: 0 });
    });

    it("behavior: expired parts make room before the quota refuses", async () => {
      const store = await open(100);
      await store.put(new Uint8Array(80), { expiresAtMs: clock.nowMs() + 10 });
      clock.advance(10);
      const digest = await store.put(new Uint8Array(90).fill(1));
      expect(await store.has(digest)).to.equal(true);
      expect(await store.usage()).to.deep.include({ parts: 1, bytes: 90 });
    });

    it("behavior: returned bytes are the caller's own", async () => {
      const store = await open();
      const given = bytes("abc");
      await store.put(given);
      given.fill(0);
      (await store.get(ABC))?.fill(1);
      expect(await store.get(ABC)).to.deep.equal(bytes("abc"));
    });

    it("error: QUOTA_EXCEEDED, also for concurrent writers together", async () => {
      const store = await open(100);
      const parts = Array.from({ length: 8 }, (_, i) => new Uint8Array(40).fill(i));
      const results = await Promise.allSettled(parts.map((part) => store.put(part)));
      expect(results.filter((result) => result.status === "fulfilled")).to.have.length(2);
      expect((await store.usage()).bytes).to.equal(80);
      await expectCode("QUOTA_EXCEEDED", () => store.put(new Uint8Array(21)));
    });

    it("error: DIGEST_MISMATCH leaves nothing", async () => {
      const store = await open();
      await expectCode("DIGEST_MISMATCH", () => store.put(bytes("abd"), { expected: ABC }));
      expect((await store.usage()).parts).to.equal(0);
    });

    it("error: PART_TOO_LARGE", async () => {
      const store = await open();
      await expectCode("PART_TOO_LARGE", () => store.put(new Uint8Array((1 << 20) + 1)));
    });

    it("error: NAME_INVALID for paths and second spellings", async () => {
      const store = await open();
      await store.put(bytes("abc"));
      const names = [
        "",
        "0x",
        "../../etc/passwd",
        ABC.slice(2),
        ABC.toUpperCase(),
        `${ABC}0`,
        `${ABC}\n`,
        `0x../${ABC.slice(5)}`,
      ];
      for (const spelling of names) {
        const digest = spelling as PartDigest;
        await expectCode("NAME_INVALID", () => store.get(digest));
        await expectCode("NAME_INVALID", () => store.has(digest));
        await expectCode("NAME_INVALID", () => store.delete(digest));
        await expectCode("NAME_INVALID", () => store.setExpiry(digest, 1));
        await expectCode("NAME_INVALID", () => store.put(bytes("abc"), { expected: digest }));
      }
    });
  });
}
