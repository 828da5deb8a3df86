// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { getContractEvents } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { KIND_PUBLIC, type ModelManifest } from "../../offchain/core/types.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import { encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { getReceipt } from "../../offchain/sdk/actions/get-receipt.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, testManifest, until, type TestJob, type TestWorker } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const FINAL = 5;
const CLOSED = 6;
const WRONG = 1;
const UNREVEALED = 2;
const EQUIVOCATION = 4;
const REWARD = 10n ** 15n;
const NEVER = { auditBps: 0, window: 15 };
const ALWAYS = { auditBps: 10_000, window: 15 };

/** Input and output as they are: whoever holds the one can check the other. */
function publicManifest(): ModelManifest {
  const base = testManifest(1);
  return { ...base, stages: base.stages.map((info) => ({ ...info, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC })) };
}

async function namesOf(cluster: Cluster, job: TestJob): Promise<string[]> {
  const events = await getContractEvents(cluster.client.public, {
    address: cluster.chain.deployment.hub,
    abi: assayHubAbi,
    fromBlock: 0n,
    strict: true,
  });
  return events.flatMap((event) => ("jobId" in event.args && event.args.jobId === job.id ? [event.eventName] : []));
}

const earned = async (cluster: Cluster, { workerId }: TestWorker): Promise<bigint> => {
  const account = await cluster.client.public.readContract({
    address: cluster.chain.deployment.hub,
    abi: assayHubAbi,
    functionName: "account",
    args: [workerId],
  });
  return account.earned;
};

const freeOf = async (cluster: Cluster, account: `0x${string}`): Promise<bigint> =>
  cluster.client.public.readContract({
    address: cluster.chain.deployment.hub,
    abi: assayHubAbi,
    functionName: "balanceOf",
    args: [account],
  });

for (const { name, manifest, watch } of [
  { name: "private inputs", manifest: undefined, watch: "all" as const },
  { name: "public inputs", manifest: publicManifest(), watch: "public" as const },
])
  describe(`answers that chance audits: ${name}`, function suite() {
    this.timeout(180_000);
    let chain: TestChain;
    let cluster: Cluster;

    before(async () => {
      chain = await startTestChain();
      cluster = await Cluster.start(chain, { workers: 16, watch }, manifest);
      await mineEvery(chain, 250);
    });
    afterEach(() => {
      for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
    });
    after(async () => {
      await cluster.stop();
      await chain.close();
    });

    /** A job whose input the first candidates hold; `primary` is the one that answers unless it is prevented. */
    async function request(
      sample: { auditBps: number; window: number },
      prepare: (primary: TestWorker) => void = () => {},
    ) {
      const job = await cluster.request(input, { k: 5, tWork: 40, sample });
      const bench = await cluster.bench(job);
      const [primary] = bench as [TestWorker];
      prepare(primary);
      await cluster.sendInput(job, bench);
      return { job, bench, primary };
    }

    /** The receipt that anyone can put together from the chain holds, and the chain agrees. */
    async function expectAnchored(job: TestJob): Promise<Receipt> {
      const { hub } = chain.deployment;
      const receipt = await getReceipt(chain.clients(0).public, { hub, jobId: job.id });
      const report = await verifyReceiptFile(encodeReceipt(receipt), { rpcUrl: chain.url, hub });
      expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
      return receipt;
    }

    it("default: an answer that nobody audits or disputes stands when its window ends, and costs one reward (R25)", async () => {
      const { job, primary } = await request(NEVER);
      const before = await earned(cluster, primary);
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      const names = await namesOf(cluster, job);
      expect(names.filter((one) => one === "Proposed")).to.have.lengthOf(1);
      expect(names).to.include("Revealed").and.not.include("AuditDrawn");
      expect((await earned(cluster, primary)) - before).to.equal(REWARD);
      const receipt = await expectAnchored(job);
      expect(receipt.record.tallies.map(({ seats }) => seats)).to.deep.equal([[primary.workerId]]);
      const { guarantee, checks } = await verifyReceiptFile(encodeReceipt(receipt));
      expect(guarantee).to.include({ seats: 1, endToEnd: false });
      expect(guarantee?.evidence).to.deep.equal(["OPTIMISTIC"]);
      // Its commitment was posted by a transaction: without the chain's word anybody could have written it.
      expect(checks.filter(({ ok }) => !ok).map(({ name: check }) => check)).to.deep.equal(["posted"]);
    });

    it("default: where the lottery falls on it, four others compute too, and all are paid (R25)", async () => {
      const { job, primary } = await request(ALWAYS);
      const before = await earned(cluster, primary);
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      const names = await namesOf(cluster, job);
      expect(names).to.include("AuditDrawn").and.include("StageTallied");
      expect((await earned(cluster, primary)) - before).to.equal(REWARD);
      const receipt = await expectAnchored(job);
      const { guarantee, ok } = await verifyReceiptFile(encodeReceipt(receipt));
      expect(guarantee).to.include({ seats: 5, quorum: 4 });
      expect(guarantee?.evidence).to.deep.equal(["VOTE"]);
      expect(ok || receipt.committees[0]?.fast === false).to.equal(true);
    });

    it("behavior: a lie that is audited costs its primary S, and the result is right (R25)", async () => {
      const { job, primary } = await request(ALWAYS, (one) => {
        one.behaviour = devBehaviour("wrong-digest", false);
      });
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: primary.workerId, offence: WRONG }]);
      await expectAnchored(job);
    });

    // Whatever the inputs are.
    if (manifest === undefined)
      it("behavior: an audited primary that falls silent loses S, and its auditors decide", async () => {
        const { job, primary } = await request(ALWAYS);
        await until(60_000, async () => ((await namesOf(cluster, job)).includes("Proposed") ? true : null));
        primary.behaviour = devBehaviour("silent", false);
        expect((await cluster.ended(job)).state).to.equal(FINAL);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: primary.workerId, offence: UNREVEALED }]);
        await expectAnchored(job);
      });

    // Whatever the inputs are.
    if (manifest === undefined)
      it("behavior: an opening that is withheld ends the job: S / 2 for its primary, a refund for the requester", async () => {
        const { job, primary } = await request(NEVER, (one) => {
          one.behaviour = devBehaviour("withhold-reveal", false);
        });
        expect(await cluster.ended(job)).to.deep.equal({ state: CLOSED, reason: 2 });
        expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: primary.workerId, offence: UNREVEALED }]);
        await expectAnchored(job);
      });

    it("behavior: a lie that nobody audits is found by a worker that was given the input, and costs S", async () => {
      const { job, primary, bench } = await request(NEVER, (one) => {
        one.behaviour = devBehaviour("wrong-digest", false);
      });
      const before = await Promise.all(bench.map(async ({ keys }) => freeOf(cluster, keys.operator.address)));
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: primary.workerId, offence: WRONG }]);
      const after = await Promise.all(bench.map(async ({ keys }) => freeOf(cluster, keys.operator.address)));
      // One of them challenged, has its bond back, and 60 % of what is left of the half that was not burned.
      expect(after.some((free, i) => free - (before[i] ?? 0n) > REWARD)).to.equal(true);
      const receipt = await expectAnchored(job);
      expect(receipt.record.tallies.map(({ seats }) => seats.length)).to.deep.equal([1, 11]);
    });

    // Whatever the inputs are.
    if (manifest === undefined)
      it("behavior: a first candidate that is silent is replaced by the next", async () => {
        const { job, bench } = await request(NEVER, (one) => {
          one.behaviour = devBehaviour("silent", false);
        });
        const second = bench[1] as TestWorker;
        const before = await earned(cluster, second);
        expect((await cluster.ended(job)).state).to.equal(FINAL);
        expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
        expect((await earned(cluster, second)) - before).to.equal(REWARD);
      });

    // Whatever the inputs are.
    if (manifest === undefined)
      it("behavior: without input nobody answers: it expires, nobody is slashed, the kill fee is all that is lost", async () => {
        const job = await cluster.request(input, { k: 5, sample: NEVER });
        expect(await cluster.ended(job)).to.deep.equal({ state: CLOSED, reason: 2 });
        expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
        await expectAnchored(job);
      });

    // Last: it leaves one worker fewer.
    it("R75: an audited primary that signs another Commit for its auditors loses everything, and they nothing", async () => {
      const { job, primary } = await request(ALWAYS, (one) => {
        one.behaviour = devBehaviour("equivocate", false);
      });
      const slashes = await until(60_000, async () => {
        const all = await getSlashed(cluster, job.id);
        return all.some(({ offence }) => offence === EQUIVOCATION) ? all : null;
      });
      expect(slashes).to.deep.include({ workerId: primary.workerId, offence: EQUIVOCATION });
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      for (const { workerId, offence } of await getSlashed(cluster, job.id))
        expect(workerId, `offence ${offence}`).to.equal(primary.workerId);
    });
  });

describe("answers that chance audits: crashes", function suite() {
  this.timeout(300_000);
  let chain: TestChain;
  let cluster: Cluster;
  /** Where the worker dies: from there on, none of its effects goes on. */
  let crash = { step: "", victim: null as number | null, isOver: false };
  const checkpoint = (index: number, step: string): void => {
    if (crash.isOver) return;
    if (crash.victim === null && step === crash.step) crash.victim = index;
    if (crash.victim === index) throw new TypeError(`killed at ${step}`);
  };

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16, checkpoint }, publicManifest());
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  for (const { step, auditBps } of [
    { step: "proposal-computed", auditBps: 0 },
    { step: "proposal-journalled", auditBps: 0 },
    { step: "propose-sending", auditBps: 10_000 },
    { step: "propose-mined", auditBps: 0 },
    { step: "open-sending", auditBps: 0 },
    { step: "open-mined", auditBps: 0 },
  ])
    it(`behavior: a primary that dies at ${step} says the same after its restart and loses nothing (R52)`, async () => {
      crash = { step, victim: null, isOver: false };
      const job = await cluster.request(input, { k: 5, tWork: 60, sample: { auditBps, window: 15 } });
      await cluster.sendInput(job, await cluster.bench(job));
      const index = await until(60_000, () => crash.victim);
      const digest = () =>
        cluster.workers[index]?.journal.signedDigest({ jobId: job.id, stage: 0, round: 0, kind: "commit" }) ?? null;
      const before = digest();
      const dead = cluster.workers[index] as TestWorker;
      await dead.stop();
      crash.isOver = true;
      const again = await cluster.restart(dead, { workers: 0, checkpoint });
      expect((await cluster.ended(job)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
      if (before !== null) expect(digest()).to.equal(before);
      const names = await namesOf(cluster, job);
      expect(names.filter((one) => one === "Proposed")).to.have.lengthOf(1);
      const account = await earned(cluster, again);
      expect(account % REWARD === 0n && account > 0n, `earned ${account}`).to.equal(true);
    });
});
