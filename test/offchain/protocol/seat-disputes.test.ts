// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { recordHash } from "../../../offchain/core/job.ts";
import {
  CIPHER,
  VOTE,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type Job,
  type Record as JobRecord,
} from "../../../offchain/core/types.ts";
import { HONEST, type Hex, type ProtocolModules, type SlotView } from "../../../offchain/protocol/ports.ts";
import type { DisputePort } from "../../../offchain/protocol/referee-ports.ts";
import { newSeat, STATE, type SeatState } from "../../../offchain/protocol/seat-machine.ts";
import { SeatSigning } from "../../../offchain/protocol/seat-signing.ts";
import { SeatTransactions } from "../../../offchain/protocol/seat-transactions.ts";
import { SessionBallots } from "../../../offchain/protocol/session-ballots.ts";
import { SessionState } from "../../../offchain/protocol/session-state.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { fakeHub, job, jobId, proofWorker } from "../../support/proof-worker.ts";

const [LIE, TRUTH] = [`0x${"ba".repeat(32)}`, `0x${"60".repeat(32)}`] as [Hex, Hex];
const SEATS = [1, 2, 3];
const record: JobRecord = {
  seats: SEATS,
  boundaries: [LIE],
  tallies: [{ stage: 0, round: 0, seats: SEATS, said: [LIE, LIE, TRUTH], challenger: ZERO_ADDRESS, bond: 0n }],
  decided: 0,
};

interface Setting {
  readonly mask: number;
  readonly leads?: boolean;
  readonly isOpen?: boolean;
  readonly state?: number;
  /** Seconds past the deadline. */
  readonly late?: number;
  readonly plays?: boolean;
}

/** What an outvoted third seat does about a job, beyond its vote. */
async function pokesOf({
  mask,
  leads = true,
  isOpen = false,
  state = STATE.WINDOW,
  late = -100,
  plays = true,
}: Setting) {
  const done: string[] = [];
  const note = (what: string) => async () => void done.push(what);
  const disputes: DisputePort = {
    stand: (id, of, stage, vote) => void done.push(`stand ${stage} ${vote === TRUTH && id === jobId && of === own}`),
    leads: () => leads,
    isOpen: () => isOpen,
  };
  const worker = proofWorker(3, fakeHub());
  const own: Job = { ...job, spec: { ...job.spec, stages: 1, policy: { ...job.spec.policy, mask, k: 3 } } };
  const slot: SlotView = { ...fakeHub().slot, state, flags: 2, deadline: 1_000 - late, word: recordHash(record) };
  const modules: ProtocolModules = {
    ...worker.modules,
    behaviour: () => HONEST,
    prover: null,
    chain: {
      ...worker.modules.chain,
      now: () => 1_000,
      slot: async () => slot,
      freeBalance: async () => 10n ** 30n,
      challenge: note("challenge"),
      settle: note("settle"),
      expire: note("expire"),
    },
    ...(plays ? { disputes } : {}),
  };
  const place = { stage: 0, round: 0, own: 2 };
  const memory = { job: own, record, batches: {}, posted: {}, offers: [], result: null, place };
  const signers = SEATS.map(() => ZERO_ADDRESS);
  const seat: SeatState = {
    ...newSeat({ jobId, stage: 0, round: 0, seats: SEATS, signers, own: 2 }),
    vote: { outDigest: TRUTH, payload: ZERO_BYTES32 },
  };
  const session = new SessionState(jobId, memory, seat, modules);
  session.slot = slot;
  const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, modules.models, modules.clock);
  const ballots = new SessionBallots(session);
  new SeatTransactions(session, ballots, new SeatSigning(session, ballots), work).poke(slot);
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe("an outvoted seat of a job over ciphertexts", () => {
  const ciphered = VOTE | CIPHER;

  it("R44: stands for its vote before the referee, and asks no larger committee while that can decide", async () => {
    expect(await pokesOf({ mask: ciphered })).to.deep.equal(["stand 0 true"]);
    expect(await pokesOf({ mask: ciphered, leads: false })).to.deep.equal(["stand 0 true", "challenge"]);
  });

  it("behavior: jobs without ciphertexts, and workers that play no games, challenge as ever", async () => {
    expect(await pokesOf({ mask: VOTE })).to.deep.equal(["challenge"]);
    expect(await pokesOf({ mask: ciphered, plays: false })).to.deep.equal(["challenge"]);
  });

  it("behavior: nobody ends a job whose games run or whose verdict has to be brought; else it ends as ever", async () => {
    expect(await pokesOf({ mask: ciphered, isOpen: true, late: 100 })).to.deep.equal(["stand 0 true"]);
    expect(await pokesOf({ mask: ciphered, late: 100 })).to.deep.equal(["stand 0 true", "settle"]);
  });

  it("behavior: nothing stands before it was counted, nor during an escalation", async () => {
    expect(await pokesOf({ mask: ciphered, state: STATE.OPEN })).to.deep.equal([]);
    expect(await pokesOf({ mask: ciphered, state: STATE.FINAL })).to.deep.equal([]);
  });
});
