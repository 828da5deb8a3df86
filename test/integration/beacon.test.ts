// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { parseEventLogs } from "viem";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { workerBeaconAbi } from "../../offchain/adapters/chain/abi/worker-beacon.ts";
import { beaconSeed, beaconShare, fixedBlockOf } from "../../offchain/core/beacon.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { checkBeacon } from "../../offchain/node/beacon/check-beacon.ts";
import { HONEST } from "../../offchain/protocol/ports.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullLogger, testClock, until, type TestJob, type TestWorker } from "../support/cluster/cluster.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
/** Preimages are due within three blocks: long enough for a loaded machine. */
const BLOCK_MS = 700;

describe("seeds from workers on duty", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;

  before(async () => {
    chain = await startTestChain({ randomness: "workers" });
    cluster = await Cluster.start(chain, { workers: 8, beacon: true, upkeep: true });
    await mineEvery(chain, BLOCK_MS);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const at = () => ({ address: chain.deployment.randomness, abi: workerBeaconAbi }) as const;
  const beatOf = async (ref: number) =>
    cluster.client.public.readContract({ ...at(), functionName: "beatOf", args: [ref] });
  const dutyOf = async (version: number) =>
    cluster.client.public.readContract({ ...at(), functionName: "dutyOf", args: [version] });
  const seedOf = async (ref: number) =>
    cluster.client.public.readContract({ ...at(), functionName: "seedOf", args: [ref] });
  const stakeOf = async (workerId: number) => {
    const vault = { address: chain.deployment.vault, abi: stakeVaultAbi } as const;
    return (await cluster.client.public.readContract({ ...vault, functionName: "worker", args: [workerId] })).stake;
  };
  const workerOf = (workerId: number): TestWorker =>
    cluster.workers.find((one) => one.workerId === workerId) ?? expect.fail(`no worker ${workerId}`);
  const seedRef = async (job: TestJob): Promise<number> => (await cluster.slot(job.id)).seedRef;

  async function finish(job: TestJob): Promise<void> {
    const seats = await cluster.seats(job);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state, "final").to.equal(5);
  }

  /** The seed by core, from what the chain saw. */
  async function expectedSeed(ref: number): Promise<string> {
    const block = await cluster.client.public.getBlock({ blockNumber: BigInt(fixedBlockOf(ref)) });
    const logs = await cluster.client.public.getLogs({
      ...at(),
      fromBlock: BigInt(fixedBlockOf(ref)),
      toBlock: "latest",
    });
    const shares = parseEventLogs({ abi: workerBeaconAbi, eventName: "PreimageRevealed", logs })
      .filter(({ args }) => args.beat === ref)
      .map(({ args }) => beaconShare(args.workerId, args.preimage));
    return beaconSeed(block.hash, shares);
  }

  it("R16: a job is seeded by five preimages and the block before them", async () => {
    const job = await cluster.request(input, { k: 5, tWork: 60 });
    const ref = await seedRef(job);
    await finish(job);
    const beat = await beatOf(ref);
    expect([beat.revealed, beat.duties]).to.deep.equal([5, 5]);
    expect(await seedOf(ref)).to.equal(await expectedSeed(ref));
  });

  it("R9: doctor says who is on duty, how far the chain reaches, and whose keys are others", async () => {
    const { deployment, url } = chain;
    const reader = await createChain(
      { rpcUrl: url, chainId: deployment.chainId, hub: deployment.hub },
      { clock: testClock, random: Math.random, signal: new AbortController().signal, logger: nullLogger },
    );
    const report = async (worker: TestWorker, prf = worker.keys) =>
      checkBeacon(
        reader,
        { operator: worker.keys.operator, prf: (label, bytes) => prf.prf(label, bytes) },
        BigInt(deployment.fromBlock),
      );
    const { workers } = await dutyOf(1);
    for (const worker of cluster.workers) {
      const { ok, detail } = await report(worker);
      expect(ok, detail).to.equal(true);
      expect(detail).to.match(
        workers.includes(worker.workerId) ? /^on duty in version 1, 409\d links/ : /^not on duty, 4096 links/,
      );
    }
    const [first, second] = cluster.workers;
    if (first === undefined || second === undefined) return;
    const foreign = await report(first, second.keys);
    expect(foreign.ok, foreign.detail).to.equal(false);
    expect(foreign.detail).to.match(/other keys/);
  });

  it("R16: one who withholds is fined and replaced, and stops no job", async () => {
    const duty = await dutyOf(1);
    const [guilty] = duty.workers;
    const stake = await stakeOf(guilty);
    workerOf(guilty).behaviour = { ...HONEST, withholdsPreimage: true };
    const job = await cluster.request(input, { k: 5, tWork: 60 });
    const ref = await seedRef(job);
    await finish(job);
    const beat = await beatOf(ref);
    expect(beat.revealed, "four of five").to.equal(4);
    expect(await seedOf(ref)).to.equal(await expectedSeed(ref));
    // The other workers see to it by themselves.
    await until(60_000, async () => ((await stakeOf(guilty)) < stake ? true : null));
    expect(stake - (await stakeOf(guilty)), "M/1000").to.equal(stake / 1000n);
    await until(60_000, async () => ((await dutyOf(1)).workers.includes(guilty) ? null : true));
    const { workers, punished } = await dutyOf(1);
    expect(workers.slice(1), "only that seat is filled").to.deep.equal(duty.workers.slice(1));
    expect(punished).to.equal(0);
    workerOf(guilty).behaviour = HONEST;
  });

  it("R70: a worker on duty that was killed goes on with the next link", async () => {
    const { workers } = await dutyOf(1);
    const served = workers[1];
    await cluster.restart(workerOf(served), { workers: 0, upkeep: true });
    const job = await cluster.request(input, { k: 5, tWork: 60 });
    const ref = await seedRef(job);
    await finish(job);
    expect((await beatOf(ref)).revealed).to.equal(5);
  });

  it("R16: a link that was public before its beat is never shown; a new chain is registered instead", async () => {
    const { workers } = await dutyOf(1);
    const spoilt = workerOf(workers[2]);
    const chainOf = async () =>
      cluster.client.public.readContract({ ...at(), functionName: "chainOf", args: [spoilt.workerId] });
    const { head, from } = await chainOf();
    expect(from).to.equal(0);
    // As after a transaction that came too late for its beat.
    spoilt.journal.writeBeforeSign({ jobId: head, stage: 0, round: 0, kind: "beacon", digest: toWord(1) });
    const job = await cluster.request(input, { k: 5, tWork: 60 });
    const ref = await seedRef(job);
    await finish(job);
    expect((await beatOf(ref)).revealed).to.equal(4);
    const after = await until(60_000, async () => {
      const now = await chainOf();
      return now.from === 0 ? null : now;
    });
    expect(after.head, "the old one was not used").to.equal(head);
    expect(after.from, "from the next version").to.equal(2);
  });
});
