// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import type { Transport } from "../../../offchain/core/ports/transport.ts";
import type { Job } from "../../../offchain/core/types.ts";
import type { CipherWork } from "../../../offchain/engines/she/seat/cipher-seat.ts";
import { createKeptTraces, type TracingSeat } from "../../../offchain/node/kept-traces.ts";
import { keepStage } from "../../../offchain/protocol/cipher-keep.ts";
import { encodeMemory } from "../../../offchain/protocol/seat-codec.ts";
import { EMPTY_RECORD } from "../../../offchain/protocol/session-state.ts";
import { memoryBlobs } from "../../support/cluster/memory-blobs.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const word = (byte: string): Hex => `0x${byte.repeat(32)}`;
const [JOB_ID, MODEL, IN, OUT, KEYS] = ["01", "02", "03", "04", "05"].map(word) as [Hex, Hex, Hex, Hex, Hex];

describe("traces of what a worker kept", () => {
  const clock = new ManualClock();
  const job = { requester: "0x", nonce: 0n, spec: { modelId: MODEL, inputRef: KEYS } } as unknown as Job;
  const signal = new AbortController().signal;
  const query = { jobId: JOB_ID, job, stage: 1, inDigest: IN, signal };

  async function setUp({ serves = true, isKept = true } = {}) {
    const journal = new MemoryJournal({ clock });
    const blobs = memoryBlobs(clock, { serve: () => undefined } as unknown as Transport);
    const asked: { readonly modelId: Hex; readonly stage: number; readonly work: CipherWork }[] = [];
    const work = { input: Uint8Array.of(1, 2), keyBodies: [word("06"), word("07")], keys: [Uint8Array.of(3)] };
    if (isKept) {
      const said = { stage: 1, round: 0, inDigest: IN, outDigest: OUT };
      const cipher = await keepStage(said, work, Uint8Array.of(4), { blobs, expiresAtMs: clock.nowMs() + 60_000 });
      const memory = {
        job,
        record: EMPTY_RECORD,
        batches: {},
        posted: {},
        offers: [],
        result: null,
        place: null,
        cipher,
      };
      const key = { jobId: JOB_ID, role: "watcher", stage: 0, round: 0 } as const;
      // The session is over: games may outlast it.
      journal.record({ job: { ...key, state: "OVER", done: true, deadlineMs: null, data: encodeMemory(memory) } });
    }
    const seat = async (modelId: Hex, stage: number): Promise<TracingSeat | null> => {
      const startTrace = async (given: CipherWork) => {
        asked.push({ modelId, stage, work: given });
        return { commitment: { outDigest: OUT }, close: async () => undefined };
      };
      return serves ? ({ facts: { depth: 9 }, startTrace } as unknown as TracingSeat) : null;
    };
    return { traces: createKeptTraces({ journal, blobs, seat }), asked, work };
  }

  it("default: the stage is evaluated again from what was kept, with the job's key set, when its session is long over", async () => {
    const { traces, asked, work } = await setUp();
    const trace = await traces.open(query);
    expect(trace?.commitment.outDigest).to.equal(OUT);
    expect(asked).to.deep.equal([{ modelId: MODEL, stage: 1, work: { ...work, inDigest: IN, keySetRoot: KEYS } }]);
  });

  it("behavior: nothing for another stage or input, an unknown job, a model that it does not serve, or blobs that are gone", async () => {
    const { traces } = await setUp();
    expect(await traces.open({ ...query, stage: 0 })).to.equal(null);
    expect(await traces.open({ ...query, inDigest: OUT })).to.equal(null);
    expect(await traces.open({ ...query, jobId: OUT })).to.equal(null);
    expect(await (await setUp({ serves: false })).traces.open(query)).to.equal(null);
    expect(await (await setUp({ isKept: false })).traces.open(query)).to.equal(null);
  });
});
