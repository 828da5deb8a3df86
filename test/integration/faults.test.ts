// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { getSlashed } from "../support/cluster/slashes.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, until } from "../support/cluster/cluster.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { SAID_ABSENT } from "../../offchain/core/types.ts";
import { getReceipt } from "../../offchain/sdk/actions/get-receipt.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const FINAL = 5;
const CLOSED = 6;

describe("faults of seats", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16 });
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  /** The receipt that anyone can put together from the chain holds, and the chain agrees. */
  async function expectAnchored(jobId: Hex): Promise<Receipt> {
    const { hub } = chain.deployment;
    const receipt = await getReceipt(chain.clients(0).public, { hub, jobId });
    const report = await verifyReceiptFile(encodeReceipt(receipt), { rpcUrl: chain.url, hub });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    return receipt;
  }

  it("behavior: without input all seats abstain, nobody is slashed, the requester pays the kill fee only (R24)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 24 });
    await cluster.seats(job);
    const end = await cluster.ended(job);
    expect(end).to.deep.equal({ state: CLOSED, reason: 3 });
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    await expectAnchored(job.id);
  });

  it("behavior: R8 R27 R69 when too few come the job expires, and its receipt shows who was absent", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    for (const seat of seats.slice(0, 2)) seat.behaviour = devBehaviour("silent", false);
    await cluster.sendInput(job, seats);
    expect(await cluster.ended(job)).to.deep.equal({ state: CLOSED, reason: 2 });
    const receipt = await expectAnchored(job.id);
    const [tally] = receipt.record.tallies;
    // The cluster lists its workers in an order of its own; the record in that of the draw.
    const saidBy = (workerId: number) => tally?.said[tally.seats.indexOf(workerId)];
    for (const seat of seats.slice(0, 2)) expect(saidBy(seat.workerId)).to.equal(SAID_ABSENT);
    // An end that did not happen, told with the same bytes.
    const lie = encodeReceipt({ ...receipt, reason: 4 });
    const report = await verifyReceiptFile(lie, { rpcUrl: chain.url, hub: chain.deployment.hub });
    expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.include("chain result");
  });

  it("behavior: a seat that is silent costs time, not the job: slow path (R8, R27)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 24 });
    const seats = await cluster.seats(job);
    const [dead] = seats;
    if (dead !== undefined) dead.behaviour = devBehaviour("silent", false);
    await cluster.sendInput(job, seats);
    const end = await cluster.ended(job);
    expect(end.state).to.equal(FINAL);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: dead?.workerId, offence: 3 }]);
    await expectAnchored(job.id);
  });

  it("behavior: a liar is outvoted and slashed at settle, the job ends right (R23, R27)", async () => {
    const job = await cluster.request(input, { k: 5 });
    const seats = await cluster.seats(job);
    const [liar] = seats;
    if (liar !== undefined) liar.behaviour = devBehaviour("wrong-digest", false);
    await cluster.sendInput(job, seats);
    const end = await cluster.ended(job);
    expect(end.state).to.equal(FINAL);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: liar?.workerId, offence: 1 }]);
  });

  it("behavior: a liar that challenges meets a larger committee, which gets the input from the first (R24, R27)", async () => {
    const job = await cluster.request(input, { k: 5, tWork: 20 });
    const seats = await cluster.seats(job);
    const [liar] = seats;
    if (liar !== undefined) liar.behaviour = devBehaviour("wrong-digest", true);
    await cluster.sendInput(job, seats);
    await until(60_000, () => (liar?.worker.desk.session(job.id)?.slot?.round === 1 ? true : null));
    const end = await cluster.ended(job);
    expect(end.state).to.equal(FINAL);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: liar?.workerId, offence: 1 }]);
  });

  it("behavior: a withheld reveal is counted without it and slashed (R22, R27)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 24 });
    const seats = await cluster.seats(job);
    const [mute] = seats;
    if (mute !== undefined) mute.behaviour = devBehaviour("withhold-reveal", false);
    await cluster.sendInput(job, seats);
    const end = await cluster.ended(job);
    expect(end.state).to.equal(FINAL);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: mute?.workerId, offence: 2 }]);
  });

  it("behavior: an equivocating seat loses its whole stake; garbage does not stop the others (R75)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    const [twoFaced] = seats;
    if (twoFaced !== undefined) twoFaced.behaviour = devBehaviour("equivocate", false);
    await cluster.sendInput(job, seats);
    const slashes = await until(60_000, async () => {
      const all = await getSlashed(cluster, job.id);
      return all.some(({ offence }) => offence === 4) ? all : null;
    });
    expect(slashes).to.deep.include({ workerId: twoFaced?.workerId, offence: 4 });
    const end = await cluster.ended(job);
    expect(end.state).to.be.oneOf([FINAL, CLOSED]);
    for (const { workerId, offence } of await getSlashed(cluster, job.id))
      expect(workerId, `offence ${offence}`).to.equal(twoFaced?.workerId);
  });
});
