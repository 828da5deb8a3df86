// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { blindedDigest } from "../../offchain/core/digest.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };

describe("stages over libp2p", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16, stages: 3, libp2p: true });
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  it("R47 R65: the same digest as over any other transport, from workers that prove who they are", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    for (const { address } of seats) expect(address.url).to.match(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(5);
    const last = seats.find((seat) => seat.worker.desk.session(job.id)?.seat?.stage === 2);
    const output = encodeTensor({ dtype: "i8", dims: [4], data: Int8Array.of(4, 5, 6, 7) });
    expect(last?.worker.desk.session(job.id)?.seat?.vote?.outDigest).to.equal(
      blindedDigest(output, job.salts.get(2) ?? new Uint8Array()),
    );
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
  });

  it("R75: a seat that sends garbage costs nobody honest anything", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 20 });
    const seats = await cluster.seats(job);
    const [noisy] = seats;
    if (noisy !== undefined) noisy.behaviour = devBehaviour("garbage", false);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(5);
    for (const { workerId } of await getSlashed(cluster, job.id)) expect(workerId).to.equal(noisy?.workerId);
  });
});
