// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { StoreError } from "../../offchain/adapters/store/errors.ts";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import type { Logger, LogFields } from "../../offchain/core/ports/logger.ts";
import type { JournalStep, SignedAction } from "../../offchain/core/ports/journal.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { decodeSeat } from "../../offchain/protocol/seat-codec.ts";
import { reasonWord, SAID_ABSTAIN_WORD } from "../../offchain/protocol/said.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { addOne, Cluster, testClock, until, type TestWorker } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const FINAL = 5;
const CLOSED = 6;
const ABSTAINED = { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(2) };

/** A journal whose disk can be full: nothing is written then, reads go on. */
class FullableJournal extends MemoryJournal {
  isFull = false;

  #check(): void {
    if (this.isFull) throw new StoreError("JOURNAL_FAILED", { reason: "database or disk is full" });
  }
  override record(step: JournalStep): void {
    this.#check();
    super.record(step);
  }
  override writeBeforeSign(action: SignedAction, step?: JournalStep): "new" | "same" {
    this.#check();
    return super.writeBeforeSign(action, step);
  }
  override setCursor(cursor: Parameters<MemoryJournal["setCursor"]>[0]): void {
    this.#check();
    super.setCursor(cursor);
  }
}

describe("seats under pressure", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;
  const lines: { evt: string; fields: LogFields }[] = [];
  const log = (evt: string, fields: LogFields = {}) => void lines.push({ evt, fields });
  const logger: Logger = { debug: () => undefined, info: log, warn: log, error: log, child: () => logger };

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, {
      workers: 7,
      maxWaiting: 1,
      journal: () => new FullableJournal({ clock: testClock }),
      logger: () => logger,
      models: () => ({
        stage: async (modelId, stage) => {
          const runner = await addOne(modelId, stage);
          if (runner === null) return null;
          return {
            ...runner,
            run: async (inputs, signal) => {
              await testClock.sleep(700, signal);
              return runner.run(inputs, signal);
            },
          };
        },
      }),
    });
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
    lines.length = 0;
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  /** From the journal: sessions of jobs that ended are forgotten. */
  const seatOf = (one: TestWorker | undefined, jobId: `0x${string}`) => {
    const row = one?.journal.job({ jobId, role: "seat", stage: 0, round: 0 }) ?? null;
    return row === null ? null : decodeSeat(row.data);
  };
  const free = async () =>
    cluster.client.public.readContract({
      address: chain.deployment.hub,
      abi: assayHubAbi,
      functionName: "balanceOf",
      args: [cluster.client.account.address],
    });

  it("behavior: a seat that sends garbage is refused by the others, and costs nobody honest anything (R75)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    const [noisy] = seats;
    if (noisy !== undefined) noisy.behaviour = devBehaviour("garbage", false);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(FINAL);
    for (const { workerId } of await getSlashed(cluster, job.id)) expect(workerId).to.equal(noisy?.workerId);
    // What it sent was never taken for its Commit: everybody holds the one that it signed, or none.
    for (const seat of seats)
      expect(seatOf(seat, job.id)?.commits.map((one) => one?.commitment ?? "")).to.not.include(`0x${"0".repeat(64)}`);
  });

  it("behavior: all seats abstain: closed without an answer, refunded but for the kill fee, nobody slashed (R24)", async () => {
    const before = await free();
    const job = await cluster.request(input, { k: 3 });
    const seats = await cluster.seats(job);
    for (const seat of seats) seat.behaviour = devBehaviour("abstain", false);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(CLOSED);
    for (const seat of seats) expect(seatOf(seat, job.id)?.vote).to.deep.equal(ABSTAINED);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    const { seatReward, pokeFee } = job.job.spec;
    const killFee = (3n * seatReward) / 10n;
    const lost = before - (await free());
    expect(lost >= killFee && lost <= killFee + 6n * pokeFee, `${lost}`).to.equal(true);
  });

  it("behavior: one seat of five abstains: the job ends, the others are paid, nobody is slashed (R24)", async () => {
    const job = await cluster.request(input, { k: 5 });
    const seats = await cluster.seats(job);
    const [shy] = seats;
    if (shy !== undefined) shy.behaviour = devBehaviour("abstain", false);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(FINAL);
    expect(seatOf(shy, job.id)?.vote).to.deep.equal(ABSTAINED);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
  });

  it("behavior: more jobs than may wait: the rest is abstained from with code 2, honest seats are not slashed (R7, R72)", async () => {
    const jobs = [];
    for (let i = 0; i < 8; i += 1) jobs.push(await cluster.request(input, { k: 3, tWork: 60 }));
    const all = [];
    for (const job of jobs) all.push({ job, seats: await cluster.seats(job) });
    await Promise.all(all.map(({ job, seats }) => cluster.sendInput(job, seats)));
    const votes: unknown[] = [];
    for (const { job, seats } of all) {
      for (const seat of seats) {
        votes.push(await until(60_000, () => seatOf(seat, job.id)?.vote ?? null));
      }
    }
    const abstained = lines.filter(({ evt, fields }) => evt === "seat.voted" && fields.kind === "abstained");
    expect(abstained.length).to.be.greaterThan(0);
    for (const vote of votes as { outDigest: string; payload: string }[])
      if (vote?.outDigest === SAID_ABSTAIN_WORD) expect(vote.payload).to.equal(reasonWord(2));
    for (const job of jobs) {
      expect((await cluster.ended(job)).state).to.be.oneOf([FINAL, CLOSED]);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    }
  });

  it("behavior: a full disk: typed error, nothing signed, no new seats; with space again it goes on (R72)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 20 });
    const seats = await cluster.seats(job);
    const [full] = seats;
    if (full === undefined || !(full.journal instanceof FullableJournal)) throw new TypeError("no seat");
    const place = { jobId: job.id, stage: 0, round: 0 };
    full.journal.isFull = true;
    await cluster.sendInput(job, seats.slice(1));
    await cluster.sendInput(job, [full]).catch(() => undefined);
    await until(60_000, () => (full.worker.isReady ? null : true));
    const second = await cluster.request(input, { k: 3, tWork: 20 });
    expect((await cluster.ended(job)).state).to.equal(FINAL);
    for (const kind of ["commit", "reveal"]) expect(full.journal.signedDigest({ ...place, kind }), kind).to.equal(null);
    expect(seatOf(full, job.id)?.commits[seatOf(full, job.id)?.own ?? 0]).to.equal(null);
    expect(full.worker.desk.session(second.id)).to.equal(null);
    expect(lines.some(({ fields }) => Reflect.get(Object(fields.error), "code") === "JOURNAL_FAILED")).to.equal(true);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([{ workerId: full.workerId, offence: 3 }]);
    full.journal.isFull = false;
    await until(60_000, () => (full.worker.isReady ? true : null));
  });

  it("behavior: a draining worker finishes the seat it works, abstains from later ones, and is done (R72)", async () => {
    const job = await cluster.request(input, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    const [leaving] = seats;
    await cluster.sendInput(job, seats);
    await until(60_000, () => (seatOf(leaving, job.id)?.phase === "RUNNING" ? true : null));
    const drained = leaving?.worker.drain(20_000);
    expect(leaving?.worker.isReady).to.equal(false);
    expect(leaving?.worker.desk.openSeats).to.be.greaterThan(0);
    expect((await cluster.ended(job)).state).to.equal(FINAL);
    await drained;
    expect(leaving?.worker.desk.openSeats).to.equal(0);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    for (let i = 0; i < 12; i += 1) {
      const next = await cluster.request(input, { k: 5, tWork: 40 });
      const others = await cluster.seats(next);
      await cluster.sendInput(next, others);
      if (leaving === undefined || !others.includes(leaving)) continue;
      const vote = await until(60_000, () => seatOf(leaving, next.id)?.vote ?? null);
      expect(vote).to.deep.equal(ABSTAINED);
      expect((await cluster.ended(next)).state).to.equal(FINAL);
      expect(await getSlashed(cluster, next.id)).to.deep.equal([]);
      return;
    }
    expect.fail("never drawn");
  });
});
