// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Hex } from "viem";
import { recordHash } from "../../offchain/core/job.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { modelId } from "../../offchain/core/model.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, until, type TestJob, type TestWorker } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { halves, tolerantManifest } from "../support/cluster/tolerant.ts";

const FINAL = { state: 5, reason: 0 };
const CLOSED = 6;
const WRONG = 1;
const UNREVEALED = 2;
const ABSENT = 3;
const input = { dtype: "f32" as const, dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) };

/** A receipt of two committees, told otherwise in one place; hashes follow. */
function forgeries(receipt: Receipt): { readonly name: string; readonly forged: Receipt }[] {
  const other = (word: Hex): Hex => `0x${word.slice(2, -1)}${word.endsWith("0") ? "1" : "0"}`;
  const ofRecord = (name: string, change: Partial<Receipt["record"]>) => {
    const record = { ...receipt.record, ...change };
    return { name, forged: { ...receipt, record, recordHash: recordHash(record) } };
  };
  // What the captured committee said: its outvoted seat may have said the result itself.
  const lie = receipt.committees[0]?.seats.find(({ outDigest }) => outDigest !== receipt.outDigest)?.outDigest ?? "0x";
  const seats = receipt.committees.flatMap(({ seats: all }, c) => all.map((_, s) => ({ c, s })));
  return [
    ...seats.flatMap(({ c, s }) =>
      (["outDigest", "payload", "extra", "salt", "revealR"] as const).map((field) => {
        const committees = receipt.committees.map((committee, i) => ({
          ...committee,
          seats: committee.seats.map((seat, j) =>
            i === c && j === s ? { ...seat, [field]: other(seat[field]) } : seat,
          ),
        }));
        return { name: `${field} of seat ${s}, committee ${c}`, forged: { ...receipt, committees } };
      }),
    ),
    ...receipt.record.tallies.flatMap((tally, t) =>
      tally.said.map((_, s) =>
        ofRecord(`word of seat ${s}, tally ${t}`, {
          tallies: receipt.record.tallies.map((one, i) =>
            i === t ? { ...one, said: one.said.map((word, j) => (j === s ? other(word) : word)) } : one,
          ),
        }),
      ),
    ),
    ofRecord("the first committee's mark", {
      tallies: receipt.record.tallies.map((one, i) =>
        i === 0 ? { ...one, challenger: `0x${one.challenger.slice(2, -2)}ff` } : one,
      ),
    }),
    ofRecord("the result", { boundaries: [lie] }),
  ];
}

for (const outputs of [4, 42])
  describe(`R28: votes on ${outputs} floats`, function suite() {
    this.timeout(180_000);
    const manifest = tolerantManifest();
    let chain: TestChain;
    let cluster: Cluster;
    let wallet: AssayWallet;
    /** Noise of each worker, in steps; null: it does not host the model. */
    const noise: (number | null)[] = [];
    let crash = { step: "", victim: null as number | null, isOver: true };
    const checkpoint = (index: number, step: string): void => {
      if (crash.isOver) return;
      if (crash.victim === null && step === crash.step) crash.victim = index;
      if (crash.victim === index) throw new TypeError(`killed at ${step}`);
    };
    const models = (index: number) => ({
      has: () => noise[index] !== null,
      table: (id: Hex) => (id === modelId(manifest) ? manifest.stages : null),
      stage: async (id: Hex, stage: number) =>
        noise[index] === null ? null : halves(outputs, noise[index] ?? 0)(id, stage),
    });

    before(async () => {
      chain = await startTestChain();
      cluster = await Cluster.start(chain, { workers: 12, models, checkpoint }, manifest);
      wallet = await createRequester(chain);
      await mineEvery(chain, 250);
    });
    beforeEach(() => {
      // Honest machines differ by less than a step of one output; sums of projections by a few.
      for (const index of cluster.workers.keys()) noise[index] = outputs <= 16 ? (index % 3) / 2 : (index % 3) / 200;
      for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
    });
    after(async () => {
      await cluster.stop();
      await chain.close();
    });
    /** What anyone can put together from the chain, and check offline. */
    const expectReceipt = async ({ id }: TestJob) => {
      const receipt = decodeReceipt(encodeReceipt(await wallet.getReceipt({ jobId: id, manifest })));
      const { ok, checks } = verifyReceipt(receipt, { recordHash: receipt.recordHash });
      expect(ok, JSON.stringify(checks.filter((check) => !check.ok))).to.equal(true);
      return receipt;
    };

    it("default: machines that differ in the last bits agree, and one's output is delivered", async () => {
      const job = await cluster.request(input, { k: 5 });
      const seats = await cluster.seats(job);
      await cluster.sendInput(job, seats);
      expect(await cluster.ended(job)).to.deep.equal(FINAL);
      const receipt = await expectReceipt(job);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      const said = new Set(receipt.committees[0]?.seats.map(({ outDigest }) => outDigest));
      expect(said.size).to.be.greaterThan(1);
    });

    it("behavior: a wrong model is outvoted and slashed", async () => {
      const job = await cluster.request(input, { k: 3 });
      const seats = await cluster.seats(job);
      const [liar] = seats;
      noise[cluster.workers.indexOf(liar as TestWorker)] = 50;
      if (liar !== undefined) liar.behaviour = { ...liar.behaviour, mayChallenge: false };
      await cluster.sendInput(job, seats);
      expect(await cluster.ended(job)).to.deep.equal(FINAL);
      await expectReceipt(job);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: liar?.workerId, offence: WRONG }]);
    });

    // Whatever the outputs' length.
    if (outputs === 4)
      it("behavior: a seat without the model abstains and loses nothing", async () => {
        const job = await cluster.request(input, { k: 5 });
        const seats = await cluster.seats(job);
        noise[cluster.workers.indexOf(seats[1] as TestWorker)] = null;
        await cluster.sendInput(job, seats);
        expect(await cluster.ended(job)).to.deep.equal(FINAL);
        await expectReceipt(job);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      });

    // Whatever the outputs' length.
    if (outputs === 4)
      it("R75: a job of a model that no seat hosts costs no seat anything", async () => {
        noise.fill(null);
        const job = await cluster.request(input, { k: 5 });
        const seats = await cluster.seats(job);
        await cluster.sendInput(job, seats);
        expect((await cluster.ended(job)).state).to.equal(CLOSED);
        await expectReceipt(job);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      });

    it("behavior: a silent seat costs time: the others show their sketches on chain (R8)", async () => {
      const job = await cluster.request(input, { k: 5, tWork: 20 });
      const seats = await cluster.seats(job);
      const [dead] = seats;
      if (dead !== undefined) dead.behaviour = devBehaviour("silent", false);
      await cluster.sendInput(job, seats);
      expect(await cluster.ended(job)).to.deep.equal(FINAL);
      await expectReceipt(job);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: dead?.workerId, offence: ABSENT }]);
    });

    // Whatever the outputs' length.
    if (outputs === 4)
      it("behavior: a withheld reveal is counted without it and slashed", async () => {
        const job = await cluster.request(input, { k: 5, tWork: 20 });
        const seats = await cluster.seats(job);
        const [hider] = seats;
        if (hider !== undefined) hider.behaviour = devBehaviour("withhold-reveal", false);
        await cluster.sendInput(job, seats);
        expect(await cluster.ended(job)).to.deep.equal(FINAL);
        await expectReceipt(job);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: hider?.workerId, offence: UNREVEALED }]);
      });

    // Whatever a rerun would give by then: the journal holds what was committed to.
    for (const step of outputs === 4
      ? ["computed", "commit-journalled", "reveal-unsigned", "submit-sending"]
      : ["commit-stored"])
      it(`behavior: a seat that dies at ${step} says the same after its restart and loses nothing (R72)`, async () => {
        crash = { step, victim: null, isOver: false };
        const job = await cluster.request(input, { k: 5, tWork: 60 });
        await cluster.sendInput(job, await cluster.seats(job));
        const index = await until(60_000, () => crash.victim);
        const dead = cluster.workers[index] as TestWorker;
        const signed = () => dead.journal.signedDigest({ jobId: job.id, stage: 0, round: 0, kind: "commit" });
        const before = signed();
        await dead.stop();
        crash.isOver = true;
        noise[index] = (noise[index] ?? 0) + (outputs <= 16 ? 0.4 : 0.004);
        await cluster.restart(dead, { workers: 0, models, checkpoint });
        expect(await cluster.ended(job)).to.deep.equal(FINAL);
        await expectReceipt(job);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
        if (before !== null) expect(signed()).to.equal(before);
      });

    it("behavior: a captured committee is overruled by a larger one, which the outvoted seat asks for", async () => {
      const job = await cluster.request(input, { k: 3, window: 36 });
      const seats = await cluster.seats(job);
      const [first, second] = seats;
      for (const liar of [first, second]) {
        noise[cluster.workers.indexOf(liar as TestWorker)] = 50;
        if (liar !== undefined) liar.behaviour = { ...liar.behaviour, mayChallenge: false };
      }
      await cluster.sendInput(job, seats);
      expect(await cluster.ended(job)).to.deep.equal(FINAL);
      const receipt = await expectReceipt(job);
      const slashed = await getSlashed(cluster, job.id);
      expect(slashed.map(({ offence }) => offence)).to.deep.equal([WRONG, WRONG]);
      expect(slashed.map(({ workerId }) => workerId)).to.have.members([first?.workerId, second?.workerId]);
      const told = forgeries(receipt).filter(({ forged }) => verifyReceipt(forged).ok);
      expect(
        told.map(({ name }) => name),
        "believed",
      ).to.deep.equal([]);
    });
  });

describe("R28: floats through the SDK", function suite() {
  this.timeout(180_000);
  const manifest = tolerantManifest();
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;

  before(async () => {
    chain = await startTestChain();
    const models = (index: number) => ({
      table: (id: Hex) => (id === modelId(manifest) ? manifest.stages : null),
      stage: halves(4, (index % 3) / 2),
    });
    cluster = await Cluster.start(chain, { workers: 12, models, http: true }, manifest);
    wallet = await createRequester(chain);
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  it("default: R71 a quote, an answer from the chain's own calldata, a receipt that shows it", async () => {
    const wishes = { manifest, policy: { k: 3, tWork: 40 } };
    const quote = await wallet.quoteInference({ ...wishes, requester: wallet.account.address });
    expect(quote.spec.policy.cls).to.equal(1);
    const done = await wallet.requestInferenceSync({ ...wishes, input, deposit: true });
    expect([...done.output.data].map((value) => Math.round(value * 2))).to.deep.equal([1, 2, 3, 4]);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, manifest, result: done.result });
    expect(verifyReceipt(receipt, { recordHash: receipt.recordHash }).ok).to.equal(true);
    // Another output under the same digest does not exist; one under another digest is not the result.
    const output = toHex(encodeTensor({ ...done.output, data: Float32Array.of(9, 9, 9, 9) }));
    expect(verifyReceipt({ ...receipt, output }).ok).to.equal(false);
  });
});
