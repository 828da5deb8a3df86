// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ChainError } from "../../../offchain/adapters/chain/errors.ts";
import type { ProtocolModules, SlotView } from "../../../offchain/protocol/ports.ts";
import { EMPTY_RECORD, SessionState } from "../../../offchain/protocol/session-state.ts";
import { fakeHub, job, jobId, proofWorker } from "../../support/proof-worker.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A session whose every `submit` the hub refuses. */
async function setUp() {
  const worker = proofWorker(1, fakeHub());
  const at: { now: number; slot: SlotView } = { now: 0, slot: fakeHub().slot };
  const modules: ProtocolModules = {
    ...worker.modules,
    clock: { ...worker.modules.clock, monotonicMs: () => at.now },
    chain: { ...worker.modules.chain, slot: async () => at.slot },
  };
  const memory = { job, record: EMPTY_RECORD, batches: {}, posted: {}, offers: [], result: null, place: null };
  const state = new SessionState(jobId, memory, null, modules);
  await state.refresh();
  let calls = 0;
  const submit = async () => {
    state.effects.once("submit", () => {
      calls += 1;
      return Promise.reject(new ChainError("REVERTED", { call: "submit", name: "VotesMalformed", args: "0" }));
    });
    await settle();
    await settle();
    return calls;
  };
  return { state, at, submit };
}

describe("what a session last read of the chain", () => {
  it("behavior: what the hub refused keeps its pause while the chain stands still, however often it is read", async () => {
    const { state, at, submit } = await setUp();
    expect(await submit()).to.equal(1);
    for (let reads = 0; reads < 5; reads += 1) {
      await state.refresh();
      expect(await submit()).to.equal(1);
    }
    at.now += 2_000;
    expect(await submit()).to.equal(2);
  });

  it("behavior: once the chain has moved it is tried again at once", async () => {
    const { state, at, submit } = await setUp();
    expect(await submit()).to.equal(1);
    at.slot = { ...at.slot, deadline: at.slot.deadline + 1 };
    await state.refresh();
    expect(await submit()).to.equal(2);
  });
});
