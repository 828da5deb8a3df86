// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { recordHash } from "../../offchain/core/job.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { SAID_ABSTAIN } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, type TestWorker } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const FINAL = { state: 5, reason: 0 };
const ABSENT = 3;
const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };

describe("R24: standbys", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 12, http: true });
    wallet = await createRequester(chain);
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const silence = (seats: readonly (TestWorker | undefined)[]) => {
    for (const seat of seats) if (seat !== undefined) seat.behaviour = devBehaviour("silent", false);
    return seats.map((seat) => ({ workerId: seat?.workerId, offence: ABSENT }));
  };
  const failedOf = (receipt: Receipt): string[] =>
    verifyReceipt(decodeReceipt(encodeReceipt(receipt)), { recordHash: receipt.recordHash })
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name);

  it("default: two of five stay away; who came passes the input on, and the job ends right", async () => {
    const job = await cluster.request(input, { k: 5, tWork: 40, standbys: true });
    const seats = await cluster.seats(job);
    const absent = silence(seats.slice(0, 2));
    await cluster.sendInput(job, seats);
    expect(await cluster.ended(job)).to.deep.equal(FINAL);
    expect(await getSlashed(cluster, job.id)).to.have.deep.members(absent);

    const receipt = await wallet.getReceipt({ jobId: job.id });
    expect(failedOf(receipt)).to.deep.equal([]);
    const [gone, voted] = receipt.record.tallies;
    expect([...(gone?.seats ?? [])]).to.have.members(absent.map(({ workerId }) => workerId));
    expect(voted?.said.every((word) => word === receipt.outDigest)).to.equal(true);

    // What a forger might write of it.
    const { record } = receipt;
    const [first, second] = record.tallies;
    if (first === undefined || second === undefined) throw new TypeError("two tallies");
    const told: readonly (readonly [string, Partial<Receipt["record"]>])[] = [
      ["nobody was absent", { tallies: [second] }],
      ["they came, and abstained", { tallies: [{ ...first, said: first.said.map(() => SAID_ABSTAIN) }, second] }],
      [
        "one less was absent",
        { tallies: [{ ...first, seats: first.seats.slice(1), said: first.said.slice(1) }, second] },
      ],
      [
        "another was absent",
        { tallies: [{ ...first, seats: [second.seats[2] ?? 0, ...first.seats.slice(1)] }, second] },
      ],
      ["absent after the vote", { tallies: [second, first] }],
      ["absent twice", { tallies: [first, first, second] }],
      ["challenged", { tallies: [{ ...first, challenger: receipt.hub }, second] }],
    ];
    for (const [name, change] of told) {
      const forged = { ...record, ...change };
      const committees = forged.tallies.map(({ seats: { length } }) => {
        const like = receipt.committees.find(({ seats: { length: have } }) => have >= length);
        return { fast: like?.fast ?? false, seats: like?.seats.slice(0, length) ?? [] };
      });
      // With a hash that fits, as if a chain stood behind it.
      expect(
        failedOf({ ...receipt, record: forged, committees, recordHash: recordHash(forged) }),
        name,
      ).to.have.length.greaterThan(0);
    }
  });

  it("behavior: nobody came, and the client gives the input to who fills the seats (SDK)", async () => {
    const silent: { workerId: number | undefined; offence: number }[] = [];
    const done = await wallet.requestInferenceSync({
      manifest: cluster.manifest,
      input,
      policy: { k: 3, tWork: 40 },
      standbys: true,
      deposit: true,
      pollMs: 200,
      beforeDelivery: (ids) => {
        silent.push(...silence(cluster.workers.filter(({ workerId }) => ids.includes(workerId))));
      },
    });
    expect(await getSlashed(cluster, done.jobId)).to.have.deep.members(silent);
    expect(silent).to.have.length(3);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    expect(failedOf(receipt)).to.deep.equal([]);
  });
});
