// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { PUT_PROTOCOL } from "../../offchain/core/blob-put.ts";
import { boundaryDigest, encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { BOUNDARY_PROTOCOL } from "../../offchain/core/boundary-index.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED } from "../../offchain/core/types.ts";
import type { ModelShelf } from "../../offchain/protocol/ports.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import {
  addOne,
  Cluster,
  testClock,
  until,
  type ClusterOptions,
  type TestJob,
  type TestWorker,
} from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";

const FINAL = 5;
const STAGES = 3;
const ROW_MS = 20;
const BLOB_PROTOCOL = "/assay/blob/1";

const tensor = (first: number): Tensor => ({ dtype: "i8", dims: [4], data: Int8Array.of(first, 2, 3, 4) });
const inputs = Array.from({ length: 12 }, (_, i) => tensor(i));
const outputsOf = (stages: number): Uint8Array =>
  encodeBatch(
    inputs.map(({ dims, data }) => encodeTensor({ dtype: "i8", dims, data: Int8Array.from(data, (x) => x + stages) })),
  );

interface Ran {
  readonly worker: number;
  readonly stage: number;
  readonly row: number;
  readonly atMs: number;
}

describe("a pipeline of stages", function suite() {
  this.timeout(240_000);
  let chain: TestChain;
  let cluster: Cluster;
  const ran: Ran[] = [];
  /** Workers that compute wrongly. */
  const wrong = new Set<number>();
  /** At which step a worker dies, by its index: a checkpoint's name, or `row-N` for the N-th row that it computes. */
  const doomed = new Map<number, string>();
  const dead: TestWorker[] = [];

  /** As if the process was killed: nothing of the step after this point happens, and nobody reaches it any more. */
  function dieAt(index: number, step: string): void {
    if (doomed.get(index) !== step) return;
    doomed.delete(index);
    const worker = cluster.workers[index] as TestWorker;
    dead.push(worker);
    cluster.network.cut.add(worker.address.url);
    void worker.stop();
    throw new TypeError(`killed at ${step}`);
  }

  async function revive(): Promise<void> {
    for (const old of dead.splice(0)) {
      cluster.network.cut.delete(old.address.url);
      await cluster.restart(old, options);
    }
  }

  /** Adds one, slowly. */
  const slow = (worker: number): Partial<ModelShelf> => ({
    stage: async (modelId, stage) => {
      const runner = await addOne(modelId, stage);
      if (runner === null) return null;
      return {
        ...runner,
        run: async (list, signal) => {
          await testClock.sleep(ROW_MS, signal);
          dieAt(worker, `row-${ran.filter((one) => one.worker === worker).length}`);
          ran.push({ worker, stage, row: Number(list[0]?.data[0]) - stage, atMs: performance.now() });
          const { output, probe } = await runner.run(list, signal);
          const data = Int8Array.from(output.data, (x) => x + (wrong.has(worker) ? 1 : 0));
          return { output: { ...output, data }, probe };
        },
      };
    },
  });

  const options: ClusterOptions = { workers: 16, stages: STAGES, models: slow, checkpoint: dieAt };

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, options);
    await mineEvery(chain, 250);
  });
  afterEach(async () => {
    doomed.clear();
    await revive();
    wrong.clear();
    ran.length = 0;
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const placeOf = (job: TestJob, { worker }: TestWorker) => worker.desk.session(job.id)?.seat;
  const digestOf = (job: TestJob, stages: number) =>
    boundaryDigest(KIND_BLINDED, outputsOf(stages), job.salts.get(stages - 1), inputs.length);

  it("R47: a batch moves in micro-batches that stages fetch from each other; each begins before the last is done; the digests are those of the whole", async () => {
    const calls: { from: string; to: string; protocol: string }[] = [];
    cluster.network.onCall = (call) => void calls.push(call);
    const job = await cluster.request(inputs, { k: 3, tWork: 60 });
    const seats = await cluster.seats(job);
    const last = seats.find((seat) => placeOf(job, seat)?.stage === STAGES - 1) as TestWorker;
    const session = last.worker.desk.session(job.id);
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(FINAL);
    expect(session?.seat?.vote?.outDigest).to.equal(digestOf(job, STAGES));
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    const between = calls.filter(({ from }) => from !== "memory://client");
    expect(
      between.some(({ protocol }) => protocol === PUT_PROTOCOL),
      "parts put by workers",
    ).to.equal(false);
    expect(between.filter(({ protocol }) => protocol === BLOB_PROTOCOL).length).to.be.at.least(2 * 3 * inputs.length);
    expect(between.some(({ protocol }) => protocol === BOUNDARY_PROTOCOL)).to.equal(true);
    // Every seat computed every row once, and the next stage ran while the one before had rows left.
    expect(ran).to.have.length(seats.length * inputs.length);
    const times = (stage: number) => ran.filter((one) => one.stage === stage).map(({ atMs }) => atMs);
    for (const stage of [1, 2])
      expect(Math.min(...times(stage)), `stage ${stage}`).to.be.below(Math.max(...times(stage - 1)));
  });

  it("attack: a first seat that computes wrongly feeds the next stage; it is thrown away, fetched from another, and laid to its charge", async () => {
    const job = await cluster.request(inputs, { k: 3, tWork: 60 });
    const seats = await cluster.seats(job);
    const at = (stage: number, own: number) =>
      seats.find((seat) => placeOf(job, seat)?.stage === stage && placeOf(job, seat)?.own === own) as TestWorker;
    const liar = at(0, 0);
    wrong.add(liar.index);
    const second = [0, 1, 2].map((own) => at(1, own));
    const session = at(2, 1).worker.desk.session(job.id);
    await cluster.sendInput(job, seats);
    const isBlamed = ({ worker }: TestWorker) =>
      worker.desk.boundaries.faulty(job.id).includes(liar.keys.operator.address);
    await until(90_000, () => (second.every(isBlamed) ? true : null));
    const end = await cluster.ended(job);
    expect(end.state).to.equal(FINAL);
    expect(session?.seat?.vote?.outDigest).to.equal(digestOf(job, STAGES));
    expect((await getSlashed(cluster, job.id)).map(({ workerId }) => workerId)).to.deep.equal([liar.workerId]);
  });

  /** Every step at which a seat can die, from its first row to the end of its job. */
  const STEPS = [
    "row-0",
    "row-6",
    `row-${inputs.length - 1}`,
    "phase-RUNNING",
    "computed",
    "commit-unsigned",
    "commit-journalled",
    "commit-signed",
    "phase-COMMITTED",
    "phase-SET_COMPLETE",
    "reveal-unsigned",
    "reveal-journalled",
    "reveal-signed",
    "phase-REVEALED",
  ];
  const isDeep = process.env["ASSAY_DEEP"] === "1";
  /** Which step kills seat 0 of each stage; those that come back can all be of one job, those that do not cost each stage its deadlines. */
  const returning: readonly (readonly (string | null)[])[] = isDeep
    ? STEPS.map((step) => [step, step, step])
    : [["row-6", "computed", "phase-COMMITTED"]];
  const lasting: readonly (readonly (string | null)[])[] = isDeep
    ? STEPS.flatMap((step) => [0, 1, 2].map((dying) => [0, 1, 2].map((stage) => (stage === dying ? step : null))))
    : [["row-6", null, null]];

  /** One job in which a seat of each stage dies; resolves when it is over. */
  async function runWithDeaths(steps: readonly (string | null)[], isRevived: boolean) {
    const job = await cluster.request(inputs, { k: 3, tWork: 40 });
    const seats = await cluster.seats(job);
    const victims = steps.map((step, stage) => {
      const victim = seats.find((seat) => placeOf(job, seat)?.stage === stage && placeOf(job, seat)?.own === 0);
      if (victim !== undefined && step !== null) doomed.set(victim.index, step);
      return step === null ? undefined : victim;
    });
    const survivor = seats.find(
      (seat) => placeOf(job, seat)?.stage === STAGES - 1 && placeOf(job, seat)?.own === 1,
    ) as TestWorker;
    const session = survivor.worker.desk.session(job.id);
    const over = cluster.sendInput(job, seats).then(async () => cluster.ended(job, 200_000));
    const end = isRevived ? reviveUntil(over) : over;
    const { state } = await end;
    const context = steps.map((step) => step ?? "none").join(", ");
    expect(state, context).to.equal(FINAL);
    expect(session?.seat?.vote?.outDigest, context).to.equal(digestOf(job, STAGES));
    return { context, slashed: await getSlashed(cluster, job.id), victims: victims.map((one) => one?.workerId) };
  }

  /** Whoever dies comes back at once, until the job is over. */
  async function reviveUntil<T>(over: Promise<T>): Promise<T> {
    const end = new AbortController();
    const done = over.finally(() => end.abort());
    while (!end.signal.aborted) {
      await revive();
      await Promise.race([done, testClock.sleep(50)]);
    }
    return done;
  }

  it("R52, R72: a seat of every stage is killed and comes back: the job goes on from its boundaries, and nobody is slashed", async function revived() {
    this.timeout(isDeep ? 3_600_000 : 240_000);
    for (const steps of returning) {
      const { context, slashed } = await runWithDeaths(steps, true);
      expect(slashed, context).to.deep.equal([]);
    }
  });

  it("R52, R75: the seat that feeds is killed for good: the others finish from the last boundary; only the dead can lose stake", async function gone() {
    this.timeout(isDeep ? 3_600_000 : 240_000);
    for (const steps of lasting) {
      const { context, slashed, victims } = await runWithDeaths(steps, false);
      for (const { workerId, offence } of slashed) {
        expect(victims, context).to.include(workerId);
        // Absent, or committed and never opened.
        expect(offence, context).to.be.oneOf([2, 3]);
      }
      await revive();
    }
  });
});
