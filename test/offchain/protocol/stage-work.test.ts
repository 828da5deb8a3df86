// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchFlags, batchRoot, verifyBatch } from "../../../offchain/core/batch.ts";
import { batchLeaf, encodeBatch, leafDigests } from "../../../offchain/core/batch-tensors.ts";
import { digestOf } from "../../../offchain/core/digest.ts";
import { AGEING_SEC, OVERDUE_SEC } from "../../../offchain/core/fee-priority.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { absentDigest, partsDigest } from "../../../offchain/core/join.ts";
import { ProgramError } from "../../../offchain/core/program/errors.ts";
import {
  decodeSealedInput,
  encodeSealedInput,
  JOB_INPUT,
  type InputPart,
} from "../../../offchain/core/sealed-input.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import {
  FLAG_JOIN,
  KIND_BLINDED,
  KIND_PUBLIC,
  KIND_SALTED,
  type Spec,
  type StageInfo,
} from "../../../offchain/core/types.ts";
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

describe("a worker's stage over a joined input", () => {
  const jobId: Hex = toHex(new Uint8Array(32).fill(1));
  const { signal } = new AbortController();
  const saltOf = (fill: number) => new Uint8Array(32).fill(fill);
  const row = (...values: number[]) =>
    encodeTensor({ dtype: "i8", dims: [1, values.length], data: Int8Array.from(values) });
  const blinded = manifest.stages.map((stage) => ({ ...stage, inKind: KIND_BLINDED, outKind: KIND_BLINDED }));
  const [first] = blinded as [StageInfo];
  const lanes = [first, { ...first }].map((stage) => ({ ...stage, producers: [JOB_INPUT] }));
  const spec: Spec = { ...base, policy: { ...base.policy, flags: FLAG_JOIN } };
  const NO_INPUT = { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.input) };

  const [a, b] = [
    { tensor: row(1, 2), salt: saltOf(1) },
    { tensor: row(3), salt: saltOf(2) },
  ] as const;
  const digest = ({ tensor, salt }: typeof a): Hex => digestOf(KIND_BLINDED, tensor, salt);
  const joined = partsDigest(KIND_BLINDED, [digest(a), digest(b)]);

  /** Hands on what it was given. */
  function open(stages: readonly StageInfo[], parts: readonly InputPart[], stage = 0) {
    const seen: Tensor[] = [];
    const models: ModelShelf = {
      has: () => true,
      exposure: () => [],
      table: () => stages,
      stage: async () => ({
        maxInputBytes: 32,
        run: async ([input]) => {
          if (input === undefined) throw new TypeError("no input");
          seen.push(input);
          return { output: input, probe: null };
        },
      }),
    };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, models, new ManualClock());
    const salts = [{ boundary: stage, salt: saltOf(9) }];
    work.accept(jobId, stage, encodeSealedInput({ stage, salts, tensors: [], parts }));
    const held = () => work.inputDigest(jobId, stages[stage] as StageInfo, stages, 0, true);
    return { work, seen, held, run: async (of = spec) => work.run(jobId, of, stage, stages, signal) };
  }

  it("default: R53 takes all parts, row by row one behind the other, and passes them on to fresh seats", async () => {
    const { work, seen, held, run } = open(blinded, [a, b]);
    expect(held()).to.equal(joined);
    expect((await run()).outDigest).to.equal(digestOf(KIND_BLINDED, row(1, 2, 3), saltOf(9)));
    expect(seen.map(({ dims, data }) => [[...dims], [...data]])).to.deep.equal([
      [
        [1, 3],
        [1, 2, 3],
      ],
    ]);
    const again = open(blinded, decodeSealedInput(work.forSameStage(jobId, 0) ?? new Uint8Array()).parts ?? []);
    expect(again.held()).to.equal(joined);
    work.forget(jobId);
    expect(
      a.tensor.some((byte) => byte !== 0),
      "the sender's own bytes",
    ).to.equal(true);
    expect(held()).to.equal(null);
  });

  it("behavior: R53 a left-out modality is zeros, and nothing but zeros", async () => {
    const { held, run, seen } = open(blinded, [a, { absent: row(0) }]);
    expect(held()).to.equal(partsDigest(KIND_BLINDED, [digest(a), absentDigest(row(0))]));
    await run();
    expect([...(seen[0]?.data ?? [])]).to.deep.equal([1, 2, 0]);
    expect(open(blinded, [a, { absent: row(1) }]).held()).to.equal(null);
  });

  it("attack: R53 reordered, exchanged, unsalted or closed parts, and parts of a job that joins none", async () => {
    expect(open(blinded, [b, a]).held()).to.not.equal(joined);
    expect(open(blinded, [a, { ...b, salt: saltOf(3) }]).held()).to.not.equal(joined);
    expect(open(blinded, [a, { ...b, tensor: row(4) }]).held()).to.not.equal(joined);
    expect(open(blinded, [a, { ...b, salt: new Uint8Array() }]).held()).to.equal(null);
    // The digest fits, but there is nothing to work on.
    const closed = open(blinded, [a, { digest: digest(b) }]);
    expect(closed.held()).to.equal(joined);
    expect(await closed.run()).to.deep.equal(NO_INPUT);
    const plain = open(blinded, [a, b]);
    expect(plain.work.inputDigest(jobId, first, blinded)).to.equal(null);
    expect(await plain.run(base)).to.deep.equal(NO_INPUT);
    // Parts that are no rows of one batch.
    const two = { tensor: encodeTensor({ dtype: "i8", dims: [2, 1], data: Int8Array.of(1, 2) }), salt: saltOf(4) };
    expect(await open(blinded, [a, two]).run()).to.deep.equal(NO_INPUT);
    expect(await open(blinded, [a, { ...b, tensor: Uint8Array.of(9) }]).run()).to.deep.equal(NO_INPUT);
    expect(await open(blinded, [a, { ...b, tensor: row(...Array<number>(40).fill(1)) }]).run()).to.deep.equal(NO_INPUT);
  });

  it("behavior: R50 a lane works on its own share and knows the other by its digest", async () => {
    for (const [lane, own] of [a, b].entries()) {
      const parts = [a, b].map((part, i) => (i === lane ? part : { digest: digest(part) }));
      const { held, run, seen } = open(lanes, parts, lane);
      expect(held()).to.equal(joined);
      await run(base);
      expect(seen.map((tensor) => encodeTensor(tensor))).to.deep.equal([own.tensor]);
    }
  });

  it("attack: R50 a lane that is shown both shares, the other one alone, or none does no work", async () => {
    const other = [{ digest: digest(a) }, b];
    for (const parts of [[a, b], other, [{ digest: digest(a) }, { digest: digest(b) }]]) {
      const { held, run, seen } = open(lanes, parts);
      expect(held()).to.equal(joined);
      expect(await run(base)).to.deep.equal(NO_INPUT);
      expect(seen).to.deep.equal([]);
    }
  });
});
