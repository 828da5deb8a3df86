// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { encodeIndex, partDigest, splitBlob } from "../../../../offchain/core/blob.ts";
import { toHex, utf8 } from "../../../../offchain/core/bytes.ts";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import type { Handler, PeerAddress } from "../../../../offchain/core/ports/transport.ts";
import { FileBlobStore } from "../../../../offchain/adapters/store/file-blob-store.ts";
import { MemoryBlobStore } from "../../../../offchain/adapters/store/memory-blob-store.ts";
import { systemClock } from "../../../../offchain/adapters/observe/system-clock.ts";
import { BlobFetcher } from "../../../../offchain/adapters/net/blob-fetcher.ts";
import type { BlobHolder } from "../../../../offchain/adapters/net/blob-fetcher.ts";
import { BlobServer } from "../../../../offchain/adapters/net/blob-server.ts";
import { BLOB_PROTOCOL, decodeBlobRequest, encodeBlobRequest } from "../../../../offchain/adapters/net/blob-wire.ts";
import { NetError } from "../../../../offchain/adapters/net/errors.ts";
import { lowerLimits } from "../../../../offchain/adapters/net/limits.ts";
import { MemoryNetwork } from "../../../../offchain/adapters/net/memory-network.ts";
import { MemoryTransport } from "../../../../offchain/adapters/net/memory-transport.ts";
import { callOptions, collect } from "../../../ports/transport.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const MIB = 1 << 20;
const limits = lowerLimits({ backoffMs: 1 });
const NO_GRANT: Hex = `0x${"00".repeat(16)}`;
/** Four distinct full parts and a short one. */
const blob = Uint8Array.from({ length: 4 * MIB + 100 }, (_, i) => (i * 2_654_435_761) >>> (i % 24));

describe("R66: blobs", () => {
  let network: MemoryNetwork;
  let clock: ManualClock;
  let names = 0;
  beforeEach(() => {
    network = new MemoryNetwork();
    clock = new ManualClock();
  });
  const memoryStore = () => new MemoryBlobStore({ quotaBytes: 64 * MIB }, { clock });
  async function transportOf(name = `peer-${names++}`) {
    const transport = new MemoryTransport({ name }, { network });
    const [peer] = await transport.start();
    return { transport, peer: peer as PeerAddress };
  }
  async function holder(bytes: Uint8Array = blob, own = limits) {
    const { transport, peer } = await transportOf();
    const store = memoryStore();
    const server = new BlobServer({ limits: own }, { store, clock, transport });
    const published = await server.publish(bytes, { expiresAtMs: clock.nowMs() + 60_000 });
    return { transport, peer, store, server, ...published };
  }
  /** A peer that answers blob requests as it likes; counts them. */
  async function liar(handler: Handler) {
    const { transport, peer } = await transportOf();
    const seen: string[] = [];
    transport.serve(BLOB_PROTOCOL, (from, request, signal) => {
      const { op } = decodeBlobRequest(request);
      seen.push(op);
      return handler(from, request, signal);
    });
    return { peer, seen, grant: NO_GRANT };
  }
  async function receiver(store = memoryStore() as MemoryBlobStore | FileBlobStore) {
    const { transport } = await transportOf();
    const fetcher = new BlobFetcher({ limits }, { transport, store, clock: systemClock, random: () => 0 });
    const fetch = (
      root: Hex,
      holders: readonly BlobHolder[],
      over: Partial<Parameters<BlobFetcher["fetch"]>[0]> = {},
    ) => fetcher.fetch({ root, bytes: blob.length, holders, signal: new AbortController().signal, ...over });
    const ask = (peer: PeerAddress, request: Uint8Array) =>
      collect(transport.call(peer, BLOB_PROTOCOL, request, callOptions()));
    return { fetch, ask, store };
  }

  it("default: small, full, indexed and index-like blobs arrive as they were", async () => {
    for (const bytes of [utf8("x"), new Uint8Array(MIB), blob, utf8("ASI1 but no index"), new Uint8Array(3 * MIB)]) {
      const from = await holder(bytes);
      const { fetch } = await receiver();
      const got = await fetch(from.root, [from], { bytes: bytes.length });
      expect(Buffer.compare(got, bytes)).to.equal(0);
    }
  });

  it("behavior: from several holders at once, each with its own grant", async () => {
    const holders = [await holder(), await holder(), await holder()];
    const { fetch } = await receiver();
    expect(Buffer.compare(await fetch(holders[0]?.root ?? "0x", holders), blob)).to.equal(0);
  });

  it("behavior: interrupted at half, only missing parts move, from another holder, even after a restart", async () => {
    const first = await holder();
    const root = temporaryFolder();
    const { parts } = splitBlob(blob);
    const disk = () => FileBlobStore.open({ root, quotaBytes: 64 * MIB }, { clock });
    const store = await disk();
    const dying = await liar(async function* (_from, request) {
      const asked = decodeBlobRequest(request);
      if (asked.op === "HAVE" || parts.slice(3).some((part) => part.digest === asked.part))
        throw new NetError("PART_MISSING", {});
      yield (await first.store.get(asked.part)) ?? new Uint8Array();
    });
    await expectCode("BLOB_UNAVAILABLE", async () => (await receiver(store)).fetch(first.root, [dying]));
    expect((await store.usage()).parts).to.equal(3);
    const moved: Hex[] = [];
    const second = await liar(async function* (_from, request) {
      const asked = decodeBlobRequest(request);
      if (asked.op === "HAVE") return;
      moved.push(asked.part);
      yield (await first.store.get(asked.part)) ?? new Uint8Array();
    });
    const { fetch } = await receiver(await disk());
    expect(Buffer.compare(await fetch(first.root, [second]), blob)).to.equal(0);
    expect(moved.toSorted()).to.deep.equal(
      parts
        .slice(3)
        .map((part) => part.digest)
        .toSorted(),
    );
  });

  it("error: BLOB_TAMPERED: a liar is asked once more for nothing; an honest holder beside it saves the blob", async () => {
    const honest = await holder();
    const tampers: ((part: Uint8Array) => Uint8Array)[] = [
      (part) => part.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
      (part) => part.subarray(0, part.length - 1),
      (part) => new Uint8Array([...part.subarray(0, 50), 0]),
      () => new Uint8Array(0),
    ];
    for (const tamper of tampers) {
      const evil = await liar(async function* (_from, request) {
        const asked = decodeBlobRequest(request);
        if (asked.op === "GET") yield tamper((await honest.store.get(asked.part)) ?? new Uint8Array());
      });
      const alone = await receiver();
      await expectCode("BLOB_TAMPERED", () => alone.fetch(honest.root, [evil]));
      expect((await alone.store.usage()).parts, "nothing false is kept").to.equal(0);
      const asked = evil.seen.length;
      expect(asked).to.be.at.most(4);
      const both = await receiver();
      expect(Buffer.compare(await both.fetch(honest.root, [evil, honest]), blob)).to.equal(0);
      expect(evil.seen.length - asked).to.be.at.most(4);
    }
  });

  it("error: BLOB_TAMPERED for a flood: more bytes than the name allows are cut off", async () => {
    let sent = 0;
    const flood = await liar(async function* () {
      for (; sent < 100 * MIB; sent += 65_536) yield new Uint8Array(65_536);
    });
    const honest = await holder();
    const { fetch } = await receiver();
    await expectCode("BLOB_TAMPERED", () => fetch(honest.root, [flood]));
    expect(sent).to.be.lessThan(8 * MIB);
  });

  it("error: BLOB_UNAVAILABLE without holders, with dead ones and with unknown grants; failing holders are left", async () => {
    const from = await holder();
    const { fetch } = await receiver();
    await expectCode("BLOB_UNAVAILABLE", () => fetch(from.root, []));
    await expectCode("BLOB_UNAVAILABLE", () =>
      fetch(from.root, [{ peer: { id: null, url: "memory://nobody" }, grant: NO_GRANT }]),
    );
    await expectCode("BLOB_UNAVAILABLE", () => fetch(from.root, [{ ...from, grant: NO_GRANT }]));
    const broken = await liar(async function* () {
      yield new Uint8Array(10);
      throw new NetError("PEER_BUSY", { peer: "x" });
    });
    await expectCode("BLOB_UNAVAILABLE", () => fetch(from.root, [broken]));
    expect(broken.seen.length).to.be.within(2, 16);
    expect(Buffer.compare(await fetch(from.root, [broken, from]), blob)).to.equal(0);
  });

  it("error: GRANT_UNKNOWN for foreign parts, revoked and expired grants; HAVE does not probe beyond the grant", async () => {
    const from = await holder();
    const other = await from.server.publish(utf8("another job's blob"), { expiresAtMs: clock.nowMs() + 60_000 });
    const { ask } = await receiver();
    const get = (part: Hex, grant: Hex) => ask(from.peer, encodeBlobRequest({ op: "GET", part, grant }));
    const refused = async (part: Hex, grant: Hex) => {
      const error = await expectCode("REMOTE_FAILED", () => get(part, grant));
      expect((error as { meta: { code: string } }).meta.code).to.equal("GRANT_UNKNOWN");
    };
    expect(await get(other.root, other.grant)).to.deep.equal(utf8("another job's blob"));
    await refused(other.root, from.grant);
    await refused(other.root, NO_GRANT);
    const have = encodeBlobRequest({
      op: "HAVE",
      grant: from.grant,
      parts: [from.root, other.root, partDigest(utf8("?"))],
    });
    expect(await ask(from.peer, have)).to.deep.equal(new Uint8Array([1]));
    from.server.revoke(other.grant);
    await refused(other.root, other.grant);
    clock.advance(60_000);
    await refused(from.root, from.grant);
  });

  it("error: BLOB_TOO_LARGE by the offer and by the index", async () => {
    const from = await holder();
    const { fetch } = await receiver();
    await expectCode("BLOB_TOO_LARGE", () => fetch(from.root, [from], { maxBytes: MIB }));
    await expectCode("BLOB_TOO_LARGE", () => fetch(from.root, [from], { bytes: 10, maxBytes: MIB }));
    await expectCode("BLOB_TOO_LARGE", () => fetch(from.root, [from], { bytes: 65 * MIB }));
  });

  it("error: BLOB_INDEX_INVALID for lying sizes, truncated and garbage indexes", async () => {
    const parts = [partDigest(utf8("abc")), partDigest(utf8("d"))] as const;
    const good = encodeIndex({ size: 4n, partSize: 3, parts });
    const swapped = encodeIndex({ size: 4n, partSize: 3, parts: [parts[1], parts[0]] });
    const cases: readonly (readonly [Uint8Array, number, string])[] = [
      [good, 5, "BLOB_INDEX_INVALID"],
      [good.subarray(0, -1), 4, "BLOB_INDEX_INVALID"],
      [good.map((byte, i) => (i === 4 ? 9 : byte)), 4, "BLOB_INDEX_INVALID"],
      [utf8("ASI1"), 4, "BLOB_INDEX_INVALID"],
      [swapped, 4, "BLOB_TAMPERED"], // the parts exceed what the index allows them
    ];
    for (const [index, bytes, code] of cases) {
      const root = partDigest(index);
      const stored = new Map([index, utf8("abc"), utf8("d")].map((part) => [partDigest(part), part]));
      const from = await liar(async function* (_from, request) {
        const asked = decodeBlobRequest(request);
        if (asked.op === "GET") yield stored.get(asked.part) ?? new Uint8Array();
      });
      const { fetch } = await receiver();
      await expectCode(code, () => fetch(root, [from], { bytes }));
    }
  });

  it("error: CALL_ABORTED keeps what came", async () => {
    const from = await holder();
    const abort = new AbortController();
    const slow = await liar(async function* (_from, request, signal) {
      const asked = decodeBlobRequest(request);
      if (asked.op === "HAVE") return;
      if (asked.part !== from.root) {
        abort.abort();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      }
      yield (await from.store.get(asked.part)) ?? new Uint8Array();
    });
    const { fetch, store } = await receiver();
    await expectCode("CALL_ABORTED", () => fetch(from.root, [slow], { signal: abort.signal }));
    expect((await store.usage()).parts).to.equal(1);
  });

  it("error: QUOTA_EXCEEDED of the own store is not blamed on a holder", async () => {
    const from = await holder();
    const { fetch } = await receiver(new MemoryBlobStore({ quotaBytes: 2 * MIB }, { clock }));
    await expectCode("QUOTA_EXCEEDED", () => fetch(from.root, [from]));
  });

  it("behavior: a sender keeps bytes in flight bounded and answers busy", async () => {
    const from = await holder(blob, lowerLimits({ bytesInFlight: MIB + 4096 }));
    const { ask } = await receiver();
    const get = encodeBlobRequest({ op: "GET", grant: from.grant, part: from.root });
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () =>
        ask(from.peer, get).then(
          () => "ok",
          (e: { meta: { code: string } }) => e.meta.code,
        ),
      ),
    );
    expect(new Set(outcomes)).to.deep.equal(new Set(["ok", "PEER_BUSY"]));
    expect(await ask(from.peer, get), "free again").not.to.have.length(0);
  });

  it("error: MESSAGE_MALFORMED: requests have one encoding, and any bytes are refused or read back the same", () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
    const request = fc.record({
      op: fc.constant("HAVE" as const),
      grant: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex),
      parts: fc.array(bytes32, { maxLength: 9 }),
    });
    fc.assert(
      fc.property(request, (value) => void expect(decodeBlobRequest(encodeBlobRequest(value))).to.deep.equal(value)),
    );
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.uint8Array({ maxLength: 90 }).map((tail) => new Uint8Array([1, (tail[0] ?? 0) & 3, ...tail])),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        let read: ReturnType<typeof decodeBlobRequest>;
        try {
          read = decodeBlobRequest(bytes);
        } catch (error) {
          expect((error as { code: string }).code).to.equal("MESSAGE_MALFORMED");
          return;
        }
        expect(encodeBlobRequest(read)).to.deep.equal(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});
