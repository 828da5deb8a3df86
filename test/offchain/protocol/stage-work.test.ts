// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchFlags, batchRoot, verifyBatch } from "../../../offchain/core/batch.ts";
import { batchLeaf, encodeBatch, leafDigests } from "../../../offchain/core/batch-tensors.ts";
import { digestOf } from "../../../offchain/core/digest.ts";
import { AGEING_SEC, OVERDUE_SEC } from "../../../offchain/core/fee-priority.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { ProgramError } from "../../../offchain/core/program/errors.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { KIND_PUBLIC, KIND_SALTED, type Spec } from "../../../offchain/core/types.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { ABSTAIN_REASON, NO_PAYLOAD, reasonWord, SAID_ABSTAIN_WORD } from "../../../offchain/protocol/said.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { sampleManifest } from "../../support/sample-manifest.ts";
import { sampleJob } from "../../support/sample-receipt.ts";

const manifest = sampleManifest();
const table = manifest.stages.map((stage) => ({ ...stage, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC }));
const base = sampleJob(manifest, 3).spec;
const FULL = { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.model) };
const settle = async () => new Promise<void>((resolve) => setImmediate(resolve));

/** One stage at a time, each until it is let go; the input's only number names the job. */
class Bench {
  readonly clock = new ManualClock();
  readonly work: StageWork;
  readonly started: number[] = [];
  readonly abstained: number[] = [];
  readonly #signal = new AbortController().signal;
  readonly #gates: { readonly open: () => void; readonly fail: (error: Error) => void }[] = [];

  constructor(maxWaiting: number) {
    const models: ModelShelf = {
      has: () => true,
      exposure: () => [],
      table: () => table,
      stage: async () => ({
        maxInputBytes: 100,
        run: async ([input]) => {
          this.started.push(Number(input?.data[0]));
          await new Promise<void>((open, fail) => this.#gates.push({ open, fail }));
          return { output: input ?? { dtype: "i8", dims: [1], data: Int8Array.of(0) }, probe: null };
        },
      }),
    };
    this.work = new StageWork({ maxRunning: 1, maxWaiting }, models, this.clock);
  }

  async add(name: number, seatReward: bigint) {
    const jobId: Hex = toHex(new Uint8Array(32).fill(name));
    this.work.acceptPublic(jobId, encodeTensor({ dtype: "i8", dims: [1], data: Int8Array.of(name) }));
    const spec: Spec = { ...base, seatReward };
    const vote = this.work.run(jobId, spec, 0, table, this.#signal);
    void vote.then(
      ({ outDigest }) => outDigest === SAID_ABSTAIN_WORD && this.abstained.push(name),
      () => undefined,
    );
    await settle();
    return { vote };
  }

  async finish(error?: Error): Promise<void> {
    const gate = this.#gates.shift();
    if (error === undefined) gate?.open();
    else gate?.fail(error);
    await settle();
  }

  /** Lets all run, one after the other. */
  async drain(): Promise<readonly number[]> {
    while (this.#gates.length > 0) await this.finish();
    return this.started;
  }
}

describe("a worker's queue (R12)", () => {
  it("default: the dearer job goes first, and jobs that pay the same in the order in which they came", async () => {
    const bench = new Bench(8);
    await bench.add(1, 1n);
    for (const [name, reward] of [
      [2, 5n],
      [3, 9n],
      [4, 5n],
    ] as const)
      await bench.add(name, reward);
    expect(bench.work.load).to.equal(4);
    expect(await bench.drain()).to.deep.equal([1, 3, 2, 4]);
    expect(bench.work.load).to.equal(0);
  });

  it("behavior: an old cheap job goes before a new dear one once its age outweighs the fee, not before", async () => {
    for (const [age, order] of [
      [AGEING_SEC - 1, [1, 3, 2]],
      [AGEING_SEC + 1, [1, 2, 3]],
    ] as const) {
      const bench = new Bench(8);
      await bench.add(1, 1n);
      await bench.add(2, 10n);
      bench.clock.advance(age * 1_000);
      await bench.add(3, 20n);
      expect(await bench.drain(), `${age} s`).to.deep.equal(order);
    }
  });

  it("behavior: no flood of dear jobs starves a cheap one beyond the limit", async () => {
    const bench = new Bench(8);
    await bench.add(1, 1n);
    await bench.add(2, 1n);
    let waited = 0;
    for (let name = 3; !bench.started.includes(2); name += 1) {
      await bench.add(name, 10n ** 30n);
      bench.clock.advance(20_000);
      waited += 20;
      await bench.finish();
    }
    expect(waited).to.be.within(OVERDUE_SEC, OVERDUE_SEC + 40);
  });

  it("behavior: a full queue gives up the last in order, be it the newcomer or one that waits", async () => {
    const bench = new Bench(2);
    await bench.add(1, 1n);
    await bench.add(2, 5n);
    const third = await bench.add(3, 3n);
    expect(bench.abstained).to.deep.equal([]);
    const low = await bench.add(4, 2n);
    expect(await low.vote).to.deep.equal(FULL);
    await bench.add(5, 4n);
    expect(await third.vote).to.deep.equal(FULL);
    expect(bench.abstained).to.deep.equal([4, 3]);
    expect(await bench.drain()).to.deep.equal([1, 2, 5]);
    expect(bench.work.load).to.equal(0);
  });

  it("behavior: a stage that fails gives its place back", async () => {
    const bench = new Bench(2);
    const first = await bench.add(1, 1n);
    const second = await bench.add(2, 1n);
    const failed = first.vote.catch((error: unknown) => error);
    await bench.finish(new RangeError("out of memory"));
    expect(await failed).to.be.instanceOf(RangeError);
    await bench.drain();
    expect((await second.vote).payload).to.equal(NO_PAYLOAD);
    expect(bench.work.load).to.equal(0);
  });
});

describe("a worker's stage of a batch", () => {
  const salt = new Uint8Array(31).fill(5);
  const outSalt = new Uint8Array(31).fill(6);
  const salted = table.map((stage) => ({ ...stage, inKind: KIND_SALTED, outKind: KIND_SALTED }));
  const jobId: Hex = toHex(new Uint8Array(32).fill(1));
  const one = (value: number) => encodeTensor({ dtype: "i8", dims: [1], data: Int8Array.of(value) });
  const specOf = (count: number): Spec => ({ ...base, policy: { ...base.policy, flags: batchFlags(0, count) } });
  const { signal } = new AbortController();

  /** Adds one to each; 13 is not what the model takes. */
  function open(bytes: Uint8Array) {
    const models: ModelShelf = {
      has: () => true,
      exposure: () => [],
      table: () => salted,
      stage: async () => ({
        maxInputBytes: 32,
        run: async ([input]) => {
          const value = Number(input?.data[0]);
          if (value === 13) throw new ProgramError("INPUT_RANGE", { index: 0, input: 0, lo: 0, hi: 12 });
          return { output: { dtype: "i8", dims: [1], data: Int8Array.of(value + 1) }, probe: null };
        },
      }),
    };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, models, new ManualClock());
    const salts = [
      { boundary: 0, salt: outSalt },
      { boundary: JOB_INPUT, salt },
    ];
    work.accept(jobId, 0, encodeSealedInput({ stage: 0, salts, tensors: [{ boundary: JOB_INPUT, tensor: bytes }] }));
    return work;
  }
  const [info] = salted;
  if (info === undefined) throw new TypeError("no stage");

  it("default: digests are roots over leaves with a salt each; a leaf is shown without the others", async () => {
    const bytes = encodeBatch([1, 2, 3].map(one));
    const work = open(bytes);
    const leaves = leafDigests(KIND_SALTED, [1, 2, 3].map(one), salt);
    expect(work.inputDigest(jobId, info, salted, 3)).to.equal(batchRoot(leaves));
    const vote = await work.run(jobId, specOf(3), 0, salted, signal);
    const output = work.output(jobId) ?? new Uint8Array();
    expect(output).to.deep.equal(encodeBatch([2, 3, 4].map(one)));
    const leaf = batchLeaf(KIND_SALTED, output, outSalt, 1);
    expect(leaf.tensor).to.deep.equal(one(3));
    expect(leaf.digest).to.equal(digestOf(KIND_SALTED, one(3), leaf.salt));
    expect(verifyBatch(vote.outDigest, leaf.digest, leaf.proof)).to.equal(true);
    expect(leaf.salt).to.not.deep.equal(batchLeaf(KIND_SALTED, output, outSalt, 0).salt);
  });

  it("behavior: a batch of one is another job than a single input", async () => {
    const work = open(encodeBatch([one(1)]));
    expect(work.inputDigest(jobId, info, salted, 1)).to.not.equal(digestOf(KIND_SALTED, one(1), salt));
    expect(open(one(1)).inputDigest(jobId, info, salted, 1), "a tensor for a batch").to.equal(null);
  });

  it("attack: a root over more or fewer inputs than the job names and pays for is abstained from", async () => {
    for (const count of [2, 4]) {
      const vote = await open(encodeBatch([1, 2, 3].map(one))).run(jobId, specOf(count), 0, salted, signal);
      expect(vote).to.deep.equal({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.size) });
    }
  });

  it("attack: one input that the model does not take, is no tensor, or is too long: all of it is abstained from", async () => {
    const cases = [
      [one(13), ABSTAIN_REASON.bounds],
      [Uint8Array.of(9), ABSTAIN_REASON.input],
      [new Uint8Array(33), ABSTAIN_REASON.size],
    ] as const;
    for (const [bad, reason] of cases) {
      const work = open(encodeBatch([one(1), bad]));
      const vote = await work.run(jobId, specOf(2), 0, salted, signal);
      expect(vote).to.deep.equal({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(reason) });
      expect(work.load).to.equal(0);
    }
  });

  it("behavior: a later input replaces what an earlier sender got wrong", () => {
    const work = open(encodeBatch([1, 2].map(one)));
    const wrong = work.inputDigest(jobId, info, salted, 2);
    const tensors = [{ boundary: JOB_INPUT, tensor: encodeBatch([7, 8].map(one)) }];
    work.accept(jobId, 0, encodeSealedInput({ stage: 0, salts: [], tensors }));
    expect(work.inputDigest(jobId, info, salted, 2))
      .to.equal(batchRoot(leafDigests(KIND_SALTED, [7, 8].map(one), salt)))
      .and.not.equal(wrong);
  });
});
