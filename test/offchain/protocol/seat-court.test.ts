// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ChainError } from "../../../offchain/adapters/chain/errors.ts";
import { stageInDigest } from "../../../offchain/core/digest.ts";
import { finalWord, recordHash } from "../../../offchain/core/job.ts";
import { PROOF, ZERO_ADDRESS, type Record as JobRecord } from "../../../offchain/core/types.ts";
import type { Hex, ProofTask, ProtocolModules, SlotView } from "../../../offchain/protocol/ports.ts";
import { SeatCourt } from "../../../offchain/protocol/seat-court.ts";
import { STATE } from "../../../offchain/protocol/seat-machine.ts";
import { SessionState } from "../../../offchain/protocol/session-state.ts";
import { fakeHub, job, jobId, model, proofWorker } from "../../support/proof-worker.ts";

const table = model.manifest.stages;
const word = (byte: string): Hex => `0x${byte.repeat(32)}`;
const [FIRST, SECOND, LIE, TRUTH] = [word("a1"), word("a2"), word("ba"), word("60")];
const LATE_SEC = 600;
const record: JobRecord = {
  seats: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  boundaries: [FIRST, SECOND, LIE],
  tallies: [{ stage: 2, round: 0, seats: [7, 8, 9], said: [LIE, LIE, TRUTH], challenger: ZERO_ADDRESS, bond: 0n }],
  decided: 0,
};
const window = { ...fakeHub().slot, state: STATE.WINDOW, stage: 2, word: recordHash(record) };
const final = (digest: Hex, ended = record): SlotView => ({
  ...window,
  state: STATE.FINAL,
  word: finalWord(digest, recordHash(ended)),
});

/** An outvoted seat that goes to court; `during` is where the chain stands when its proof is made. */
async function goToCourt(during: SlotView, known: JobRecord = record) {
  const worker = proofWorker(9, fakeHub());
  const heard: { readonly name: string; readonly stage: number; readonly digest: Hex; readonly kind: number }[] = [];
  const tasks: ProofTask[] = [];
  let slot: SlotView = window;
  const hear =
    (name: string, open: readonly number[]): ProtocolModules["chain"]["court"] =>
    async ({ stage, ruling }) => {
      if (!open.includes(slot.state)) throw new ChainError("REVERTED", { call: name, name: "StateWrong", args: "" });
      heard.push({ name, stage, digest: ruling.outDigest, kind: ruling.kind });
    };
  const { prover } = worker.modules;
  const modules: ProtocolModules = {
    ...worker.modules,
    chain: {
      ...worker.modules.chain,
      slot: async () => slot,
      court: hear("court", [STATE.WINDOW]),
      lateCourt: hear("lateCourt", [STATE.FINAL]),
      lateCourtSec: async () => LATE_SEC,
    },
    prover:
      prover === null
        ? null
        : {
            ...prover,
            load: 0,
            prove: async (task) => {
              tasks.push(task);
              slot = during;
              return Uint8Array.of(1, 2, 3);
            },
          },
  };
  const memory = { job, record: known, batches: {}, posted: {}, offers: [], result: null, place: null };
  const state = new SessionState(jobId, memory, null, modules);
  [state.slot, state.table] = [window, table];
  const inDigest = stageInDigest(table, 2, job.spec.inDigest, record.boundaries);
  const court = new SeatCourt(state, {
    materials: () => ({ inputs: [], salts: [] }),
    inputDigest: () => inDigest,
  });
  const vote = { outDigest: TRUTH, payload: word("00") };
  await court.bring({ stage: 2, round: 0, vote, openings: [] }, vote, { jobId, job, record });
  return { heard, tasks, nowMs: modules.clock.nowMs() };
}

describe("seat court", () => {
  it("default: a proof that is made within the window is heard at once", async () => {
    const { heard } = await goToCourt(window);
    expect(heard).to.deep.equal([{ name: "court", stage: 2, digest: TRUTH, kind: PROOF }]);
  });

  it("behavior: where the job became FINAL meanwhile, the same proof goes to the late court", async () => {
    const { heard, tasks, nowMs } = await goToCourt(final(LIE));
    expect(heard).to.deep.equal([{ name: "lateCourt", stage: 2, digest: TRUTH, kind: PROOF }]);
    // The prover may take as long as that court hears it: 300 s of window, and its own time.
    const seconds = ((tasks[0]?.deadlineMs ?? 0) - nowMs) / 1000;
    expect(seconds).to.be.within(300 + LATE_SEC - 10, 300 + LATE_SEC);
  });

  it("behavior: nobody is convicted twice, nor by a record that the job did not end with", async () => {
    const right: JobRecord = { ...record, boundaries: [FIRST, SECOND, TRUTH], decided: 4 };
    expect((await goToCourt(final(TRUTH, right), right)).heard).to.deep.equal([]);
    expect((await goToCourt(final(LIE, { ...record, decided: 1 }))).heard).to.deep.equal([]);
  });

  it("behavior: a job that closed without a result has no late court", async () => {
    expect((await goToCourt({ ...window, state: STATE.CLOSED })).heard).to.deep.equal([]);
  });
});
