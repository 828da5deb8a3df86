// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchFlags } from "../../../offchain/core/batch.ts";
import { encodeBatch } from "../../../offchain/core/batch-tensors.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { encodeSealedInput } from "../../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { KIND_PUBLIC, type Spec } from "../../../offchain/core/types.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { sampleJob, sampleManifest } from "../../support/sample-receipt.ts";

const manifest = sampleManifest(2);
const table = manifest.stages.map((stage) => ({ ...stage, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC }));
const base = sampleJob(manifest, 3).spec;
const jobId: Hex = toHex(new Uint8Array(32).fill(1));
const { signal } = new AbortController();
const one = (value: number) => encodeTensor({ dtype: "i8", dims: [1], data: Int8Array.of(value) });
const settle = async () => new Promise<void>((resolve) => setImmediate(resolve));

/** Stage 1 of a batch of `count`, on a runner that adds ten and ends rows only when it is told to. */
class Bench {
  readonly work: StageWork;
  readonly spec: Spec;
  /** Inputs handed to the runner, in that order. */
  readonly started: number[] = [];
  /** Outputs made known, when `onRow` said so. */
  readonly told: number[] = [];
  readonly #gates: (() => void)[] = [];

  constructor(count: number) {
    this.spec = { ...base, policy: { ...base.policy, flags: batchFlags(0, count) } };
    const models: ModelShelf = {
      has: () => true,
      exposure: () => [],
      table: () => table,
      stage: async () => ({
        maxInputBytes: 32,
        run: async ([input]) => {
          const value = Number(input?.data[0]);
          this.started.push(value);
          await new Promise<void>((open) => this.#gates.push(open));
          return { output: { dtype: "i8", dims: [1], data: Int8Array.of(value + 10) }, probe: null };
        },
      }),
    };
    this.work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, models, new ManualClock());
    this.work.onRow = (id) => this.told.push(this.work.outputRows(id)?.rows.length ?? 0);
  }

  begin(): void {
    this.work.begin(jobId, { spec: this.spec, stage: 1, table, signal });
  }

  async feed(...values: readonly number[]): Promise<void> {
    this.work.feed(jobId, 0, values.map(one));
    await settle();
  }

  /** Ends the row that the runner got first. */
  async end(): Promise<void> {
    this.#gates.shift()?.();
    await settle();
  }

  async endAll(): Promise<void> {
    while (this.#gates.length > 0) await this.end();
  }

  get outputs(): readonly (readonly number[])[] {
    return (this.work.outputRows(jobId)?.rows ?? []).map((row) => Array.from(row.slice(-1)));
  }
}

const last = (value: number) => Array.from(one(value).slice(-1));

describe("a stage's rows (R47)", () => {
  it("default: the runner has the next row before the last one is worked off, and never a third", async () => {
    const bench = new Bench(4);
    bench.begin();
    await bench.feed(1, 2, 3, 4);
    expect(bench.started).to.deep.equal([1, 2]);
    await bench.end();
    expect([bench.started, bench.told]).to.deep.equal([[1, 2, 3], [1]]);
    await bench.endAll();
    expect(bench.outputs).to.deep.equal([11, 12, 13, 14].map(last));
    expect(bench.told).to.deep.equal([1, 2, 3, 4]);
    expect(bench.work.load).to.equal(0);
  });

  it("behavior: a seat's own run hands over rows the same way, and those computed early are not computed again", async () => {
    const bench = new Bench(3);
    bench.begin();
    await bench.feed(1);
    await bench.endAll();
    await bench.feed(2, 3);
    await bench.endAll();
    bench.work.complete(jobId, 0, 3);
    await bench.work.run(jobId, bench.spec, 1, table, signal);
    expect(bench.started).to.deep.equal([1, 2, 3]);

    const whole = new Bench(3);
    const tensors = [{ boundary: 0, tensor: encodeBatch([1, 2, 3].map(one)) }];
    whole.work.accept(jobId, 1, encodeSealedInput({ stage: 1, salts: [], tensors }));
    const vote = whole.work.run(jobId, whole.spec, 1, table, signal);
    await settle();
    expect(whole.started).to.deep.equal([1, 2]);
    await whole.endAll();
    await vote;
    expect(whole.work.output(jobId)).to.deep.equal(encodeBatch([11, 12, 13].map(one)));
  });

  it("behavior: rows that were out when theirs were discarded are not shown; the right ones are computed from the first", async () => {
    const bench = new Bench(3);
    bench.begin();
    await bench.feed(1, 2, 3);
    await bench.end();
    const before = bench.work.outputRows(jobId)?.version ?? 0;
    bench.work.discard(jobId, 0);
    await bench.feed(4, 5, 6);
    await bench.endAll();
    expect(bench.outputs).to.deep.equal([14, 15, 16].map(last));
    expect(bench.work.outputRows(jobId)?.version).to.be.above(before);
    expect(bench.work.load).to.equal(0);
  });

  it("behavior: a job forgotten while rows are out gives its place back and fails nobody", async () => {
    const bench = new Bench(2);
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    process.once("unhandledRejection", onFailure);
    const tensors = [{ boundary: 0, tensor: encodeBatch([1, 2].map(one)) }];
    bench.work.accept(jobId, 1, encodeSealedInput({ stage: 1, salts: [], tensors }));
    bench.begin();
    await settle();
    expect(bench.started).to.deep.equal([1, 2]);
    // Its tensors are wiped: no batch any more.
    bench.work.forget(jobId);
    await bench.endAll();
    await settle();
    process.off("unhandledRejection", onFailure);
    expect(failures).to.deep.equal([]);
    expect([bench.told, bench.work.load]).to.deep.equal([[], 0]);
  });

  it("attack: a batch that is none, or a row longer than any input, ends early work and nothing else", async () => {
    const cases = [
      [encodeBatch([one(1), new Uint8Array(33)]), [1]],
      [Uint8Array.of(1, 2, 3), []],
    ] as const;
    for (const [tensor, started] of cases) {
      const bench = new Bench(2);
      bench.work.accept(jobId, 1, encodeSealedInput({ stage: 1, salts: [], tensors: [{ boundary: 0, tensor }] }));
      bench.begin();
      await settle();
      await bench.endAll();
      expect([bench.started, bench.work.load]).to.deep.equal([started, 0]);
    }
  });
});
