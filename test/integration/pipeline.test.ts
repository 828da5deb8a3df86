// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { PUT_PROTOCOL } from "../../offchain/core/blob-put.ts";
import { boundaryDigest, encodeBatch } from "../../offchain/core/batch-tensors.ts";
import { BOUNDARY_PROTOCOL } from "../../offchain/core/boundary-index.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED } from "../../offchain/core/types.ts";
import type { ModelShelf } from "../../offchain/protocol/ports.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { addOne, Cluster, testClock, until, type TestJob, type TestWorker } from "../support/cluster/cluster.ts";
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

  /** Adds one, slowly. */
  const slow = (worker: number): Partial<ModelShelf> => ({
    stage: async (modelId, stage) => {
      const runner = await addOne(modelId, stage);
      if (runner === null) return null;
      return {
        ...runner,
        run: async (list, signal) => {
          await testClock.sleep(ROW_MS, signal);
          ran.push({ worker, stage, row: Number(list[0]?.data[0]) - stage, atMs: performance.now() });
          const { output, probe } = await runner.run(list, signal);
          const data = Int8Array.from(output.data, (x) => x + (wrong.has(worker) ? 1 : 0));
          return { output: { ...output, data }, probe };
        },
      };
    },
  });

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16, stages: STAGES, models: slow });
    await mineEvery(chain, 250);
  });
  afterEach(() => {
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
});
