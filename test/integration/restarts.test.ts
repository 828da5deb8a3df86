// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Clock } from "../../offchain/core/ports/clock.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, testClock, until } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const FINAL = 5;

/** A machine whose wall clock is a day off and jumps an hour whenever it is read. */
function skewedClock(): Clock {
  let reads = 0;
  return {
    ...testClock,
    nowMs: () => {
      reads += 1;
      return Date.now() + 86_400_000 - (reads % 2) * 3_600_000;
    },
  };
}

describe("restarts, reorganisations and clocks", function suite() {
  this.timeout(180_000);
  let chain: TestChain;

  beforeEach(async () => {
    chain = await startTestChain();
  });
  afterEach(() => chain.close());

  it("behavior: restarted seats of the first stage compute their output again and pass it on (R52, R72)", async () => {
    const cluster = await Cluster.start(chain, { workers: 16, stages: 3 });
    await mineEvery(chain, 250);
    try {
      const job = await cluster.request(input, { k: 3, tWork: 60 });
      const seats = await cluster.seats(job);
      const stageOf = (seat: (typeof seats)[number]) => seat.worker.desk.session(job.id)?.seat?.stage;
      const first = seats.filter((seat) => stageOf(seat) === 0);
      await cluster.sendInput(job, seats);
      const later = seats.filter((seat) => stageOf(seat) !== 0).map(({ address }) => address.url);
      for (const url of later) cluster.network.cut.add(url);
      await until(60_000, () =>
        first.every((seat) => seat.worker.desk.session(job.id)?.seat?.openings.every((one) => one !== null))
          ? true
          : null,
      );
      const votes = first.map((seat) => seat.worker.desk.session(job.id)?.seat?.vote);
      const again: typeof seats = [];
      for (const seat of first) again.push(await cluster.restart(seat));
      await until(60_000, () => (again.every((seat) => seat.worker.desk.work.output(job.id) !== null) ? true : null));
      expect(again.map((seat) => seat.worker.desk.session(job.id)?.seat?.vote)).to.deep.equal(votes);
      for (const url of later) cluster.network.cut.delete(url);
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    } finally {
      await cluster.stop();
    }
  });

  it("behavior: a wall clock that is a day off and jumps changes nothing: deadlines are the chain's (R72)", async () => {
    const cluster = await Cluster.start(chain, { workers: 7, clock: skewedClock });
    await mineEvery(chain, 250);
    try {
      const job = await cluster.request(input, { k: 3 });
      await cluster.sendInput(job, await cluster.seats(job));
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    } finally {
      await cluster.stop();
    }
  });

  it("behavior: a reorganisation under open seats: other seats are drawn, take over, and nobody is slashed (R72)", async () => {
    const cluster = await Cluster.start(chain, { workers: 7 });
    try {
      const before = await chain.rpc("evm_snapshot");
      await mineEvery(chain, 250);
      const job = await cluster.request(input, { k: 3, tWork: 60 });
      const seats = await cluster.seats(job);
      const ids = () => seats[0]?.worker.desk.session(job.id)?.seat?.seats.join() ?? "";
      const drawn = ids();
      expect(drawn).to.not.equal("");
      // The request goes, and comes back in another block of another fork: its seed, and so its seats, are others.
      await mineEvery(chain, 0);
      await chain.rpc("evm_revert", [before]);
      await chain.rpc("evm_increaseTime", [30]);
      await chain.rpc("hardhat_mine", ["0x3"]);
      await until(60_000, () =>
        cluster.workers.every((one) => one.worker.desk.session(job.id) === null) ? true : null,
      );
      await cluster.repeat(job);
      await mineEvery(chain, 250);
      await until(60_000, () =>
        cluster.workers.every((one) => (one.worker.desk.session(job.id)?.committee ?? null) !== null) ? true : null,
      );
      const fresh = await cluster.seats(job);
      expect(fresh).to.have.lengthOf(3);
      const committees = fresh.map((seat) => seat.worker.desk.session(job.id)?.seat?.seats.join());
      expect(new Set(committees).size).to.equal(1);
      await cluster.sendInput(job, fresh);
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    } finally {
      await cluster.stop();
    }
  });
});
