// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FileBlobStore } from "../../../offchain/adapters/store/file-blob-store.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { keepStage, readKeptOutput, readKeptWork } from "../../../offchain/protocol/cipher-keep.ts";
import { decodeMemory, encodeMemory } from "../../../offchain/protocol/seat-codec.ts";
import { testClock } from "../../support/cluster/cluster.ts";
import { LocalNetwork } from "../../support/cluster/local-network.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { memoryBlobs, memoryStore } from "../../support/cluster/memory-blobs.ts";

const word = (byte: string): Hex => `0x${byte.repeat(32)}`;

describe("what a seat keeps of an encrypted stage", () => {
  const work = { keyBodies: [word("01")], keys: [Uint8Array.of(1, 2)], input: Uint8Array.of(3) };
  const said = { stage: 1, round: 0, inDigest: word("0a"), outDigest: word("0b") };

  it("R44: finds input, keys and output again, also after a restart", async () => {
    const store = memoryStore(testClock);
    const blobs = () => memoryBlobs(testClock, new LocalNetwork().transport("w"), store);
    const expiresAtMs = Date.now() + 60_000;
    const kept = await keepStage(said, work, Uint8Array.of(4, 5), { blobs: blobs(), expiresAtMs });
    const job = { requester: word("0c").slice(0, 42) as Hex, nonce: 1n, spec: {} } as never;
    const record = { seats: [], boundaries: [], tallies: [], decided: 0 };
    const row = { job, record, batches: {}, posted: {}, offers: [], result: null, place: null, cipher: kept };
    const { cipher } = decodeMemory(encodeMemory(row));
    if (cipher === undefined) return expect.fail("the journal forgot it");
    const found = await readKeptWork(cipher, word("0d"), { blobs: blobs() });
    expect(found).to.deep.equal({ ...work, inDigest: said.inDigest, keySetRoot: word("0d") });
    expect(await readKeptOutput(cipher, { blobs: blobs() })).to.deep.equal(Uint8Array.of(4, 5));
    expect(await readKeptWork({ ...cipher, parcel: word("ee") }, word("0d"), { blobs: blobs() })).to.equal(null);
    return undefined;
  });

  it("R44: keeps it in a worker's own store at whatever fraction of a second the chain's time is", async () => {
    const options = { root: temporaryFolder(), quotaBytes: 1 << 20 };
    const store = await FileBlobStore.open(options, { clock: testClock });
    const blobs = memoryBlobs(testClock, new LocalNetwork().transport("w"), store);
    const expiresAtMs = Date.now() + 60_000.25;
    const kept = await keepStage(said, work, Uint8Array.of(4, 5), { blobs, expiresAtMs });
    expect(await readKeptOutput(kept, { blobs })).to.deep.equal(Uint8Array.of(4, 5));
  });
});
