// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { blindedDigest } from "../../offchain/core/digest.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster } from "../support/cluster/cluster.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };

describe("stages", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16, stages: 3 });
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  it("default: three stages of three seats pass boundaries on and end in one transaction (R47, R49)", async () => {
    const job = await cluster.request(input, { k: 3 });
    const seats = await cluster.seats(job);
    expect(seats.length).to.equal(9);
    await cluster.sendInput(job, seats);
    const last = seats.find((seat) => seat.worker.desk.session(job.id)?.seat?.stage === 2);
    const session = last?.worker.desk.session(job.id);
    const end = await cluster.ended(job);
    expect(end.state).to.equal(5);
    const output = encodeTensor({ dtype: "i8", dims: [4], data: Int8Array.of(4, 5, 6, 7) });
    expect(session?.seat?.vote?.outDigest).to.equal(blindedDigest(output, job.salts.get(2) ?? new Uint8Array()));
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
  });

  it("behavior: a silent seat of the middle stage: the first is submitted alone, the middle goes the slow path (R52)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 20 });
    const seats = await cluster.seats(job);
    const dead = seats.find((seat) => seat.worker.desk.session(job.id)?.seat?.stage === 1);
    if (dead !== undefined) dead.behaviour = devBehaviour("silent", false);
    await cluster.sendInput(job, seats);
    const end = await cluster.ended(job);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: dead?.workerId, offence: 3 }]);
    expect(end.state).to.equal(5);
  });
});
