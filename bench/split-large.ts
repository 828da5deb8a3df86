// SPDX-License-Identifier: GPL-3.0-or-later
// A model of over ten megabytes of weights, cut into four stages on four worker processes, beside the same program uncut on one: every
// boundary signed, sealed, pulled and checked as workers do it. Makes build/models/mail-minilm first, if it is not there.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { decodeBatch, encodeBatch } from "../offchain/core/batch-tensors.ts";
import { batchFlags } from "../offchain/core/batch.ts";
import { toHex, utf8, type Hex } from "../offchain/core/bytes.ts";
import { keccak256 } from "../offchain/core/keccak.ts";
import { prepareInput, interpretOutput } from "../offchain/core/program/preprocess.ts";
import { boundarySalt } from "../offchain/core/salts.ts";
import { encodeSealedInput, JOB_INPUT } from "../offchain/core/sealed-input.ts";
import { decodeTensor, encodeTensor } from "../offchain/core/tensor.ts";
import { KIND_BLINDED } from "../offchain/core/types.ts";
import { rowOf } from "../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../offchain/engines/program/import-folder.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { makeMinilm, MINILM_FOLDER } from "../scripts/models/minilm.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import type { BenchKind } from "./net/bench-transport.ts";
import { Peer, SALTS, type Delivery, type PeerCard } from "./split-large/peer.ts";
import type { Done, Order, Said } from "./split-large/stage-process.ts";

const ROWS = 256;
/** Four a stage (split.md, section 7). */
const MICRO_BATCHES = 16;
const LATENCY_RUNS = 15;
const ROUNDS = 3;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

interface Worker {
  readonly process: ChildProcess;
  readonly card: PeerCard;
}

const tell = (worker: Pick<Worker, "process">, order: Order) => void worker.process.send(order);

async function startWorker(folder: string, part: string): Promise<Worker> {
  const process = fork(new URL("./split-large/stage-process.ts", import.meta.url).pathname, [folder, part]);
  process.once("exit", (code) => {
    if (code !== 0) throw new TypeError(`the worker of part ${part} ended with ${code}`);
  });
  const [said] = (await once(process, "message")) as [Said];
  if (!("card" in said)) throw new TypeError("a worker has no card");
  return { process, card: said.card };
}

interface Round {
  /** First input sent to last result opened. */
  readonly ms: number;
  /** One an input, encoded. */
  readonly results: readonly Uint8Array[];
  /** What the last stage votes on. */
  readonly digest: Hex;
  /** Each stage's time at work. */
  readonly workMs: readonly number[];
  /** Processor time of all workers. */
  readonly cpuMs: number;
}

/** The client of one chain of workers, and what it gets back. */
class Chain {
  readonly #workers: readonly Worker[];
  readonly #client: Peer;
  readonly #done: Done[] = [];
  #got: (delivery: Delivery) => void = () => undefined;
  #news: () => void = () => undefined;
  #round = 0;

  private constructor(workers: readonly Worker[], client: Peer) {
    this.#workers = workers;
    this.#client = client;
    for (const { process } of workers) {
      process.on("message", (said: Said) => {
        if (!("outDigest" in said)) return;
        this.#done.push(said);
        this.#news();
      });
    }
  }

  static async start(folder: string, parts: readonly string[]): Promise<Chain> {
    const workers: Worker[] = [];
    for (const part of parts) workers.push(await startWorker(folder, part));
    const chain: { self: Chain | null } = { self: null };
    const client = await Peer.start({ room: async () => undefined, take: (delivery) => chain.self?.deliver(delivery) });
    const cards = [client.card, ...workers.map(({ card }) => card)];
    client.meet(cards);
    workers.forEach((worker, i) => tell(worker, { do: "meet", cards, next: workers[i + 1]?.card ?? client.card }));
    return (chain.self = new Chain(workers, client));
  }

  deliver(delivery: Delivery): void {
    this.#got(delivery);
  }

  /** Runs `inputs` as one batch in equal micro-batches; checks that each stage read what the one before it voted for. */
  async run(kind: BenchKind, inputs: readonly Uint8Array[], microBatches: number): Promise<Round> {
    const flags = batchFlags(0, inputs.length);
    this.#done.length = 0;
    this.#client.kind = kind;
    await this.#client.sweep();
    for (const worker of this.#workers) {
      tell(worker, { do: "round", kind, flags, microBatches });
      await once(worker.process, "message");
    }
    this.#round += 1;
    const jobId = toHex(keccak256(utf8(`round ${this.#round}`)));
    await this.#sendSalts(jobId);
    const results: Uint8Array[] = [];
    const all = new Promise<void>((resolve) => {
      let came = 0;
      this.#got = ({ index, plain }) => {
        results[index] = plain;
        if (++came === microBatches) resolve();
      };
    });
    const voted = this.#voted();
    const before = performance.now();
    const [first] = this.#workers;
    if (first === undefined) throw new TypeError("no workers");
    const size = inputs.length / microBatches;
    for (let index = 0; index < microBatches; index++) {
      const plain = encodeBatch(inputs.slice(index * size, (index + 1) * size));
      await this.#client.send(first.card, { jobId, boundary: JOB_INPUT, index, plain });
    }
    await all;
    const ms = performance.now() - before;
    await voted;
    const dones = this.#done.toSorted((a, b) => a.stage - b.stage);
    dones.forEach(({ stage, inDigest }) => {
      if (stage > 0 && inDigest !== dones[stage - 1]?.outDigest)
        throw new TypeError(`stage ${stage} did not run on its producer's output`);
    });
    return {
      ms,
      results: results.flatMap((batch) => [...decodeBatch(batch)]),
      digest: dones.at(-1)?.outDigest ?? "0x",
      workMs: dones.map((done) => done.workMs),
      cpuMs: dones.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    };
  }

  /** All stages have. */
  async #voted(): Promise<void> {
    while (this.#done.length < this.#workers.length) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#news = resolve;
      await promise;
    }
  }

  async #sendSalts(jobId: Hex): Promise<void> {
    const last = this.#workers.length - 1;
    const secret = keccak256(utf8("one secret for all rounds"));
    // The result's salt is the same however the program is cut, so that digests of results compare.
    const salt = (boundary: number) => ({
      boundary,
      salt: boundarySalt(secret, boundary === last ? 31 : boundary, KIND_BLINDED) ?? new Uint8Array(),
    });
    const sends = this.#workers.map(async ({ card }, stage) => {
      const salts = stage === 0 ? [salt(0), salt(JOB_INPUT)] : [salt(stage - 1), salt(stage)];
      const plain = encodeSealedInput({ stage, salts, tensors: [] });
      await this.#client.send(card, { jobId, boundary: SALTS, index: 0, plain });
    });
    await Promise.all(sends);
  }

  async stop(): Promise<void> {
    for (const { process } of this.#workers) process.disconnect();
    await this.#client.stop();
  }
}

export const suite: BenchSuite = {
  name: "split-large",
  async run(report, progress) {
    const folder = MINILM_FOLDER;
    if (!existsSync(`${folder}/manifest.json`)) await makeMinilm(folder, progress);
    const model = await loadModel(folder);
    const evaluation = await readDataset(folder, (await readRecipe(folder)).evaluation);
    const stages = model.manifest.tools.stages;
    const megabytes = stages.reduce((sum, { weightBytes }) => sum + weightBytes, 0) / 1e6;
    report({ case: "mail-minilm", metric: "weights", value: megabytes, unit: "MB" });
    const inputs = Array.from({ length: ROWS }, (_, i) =>
      encodeTensor(prepareInput(model.preprocess, rowOf(evaluation, (i * 5) % evaluation.rows))),
    );
    progress("starting five workers");
    const split = await Chain.start(
      folder,
      stages.map((_, i) => String(i)),
    );
    const whole = await Chain.start(folder, ["whole"]);
    try {
      for (const kind of ["libp2p", "http"] as const) {
        for (const chain of [split, whole]) await chain.run(kind, inputs.slice(0, 2), 2); // what is loaded first
        progress(`${kind}, one input`);
        const [splitMs, wholeMs]: [number[], number[]] = [[], []];
        for (let i = 0; i < LATENCY_RUNS; i++) {
          splitMs.push((await split.run(kind, inputs.slice(i, i + 1), 1)).ms);
          wholeMs.push((await whole.run(kind, inputs.slice(i, i + 1), 1)).ms);
        }
        const base = median(wholeMs);
        report({ case: `${kind}, one input`, metric: "unsplit, one worker", value: base, unit: "ms" });
        report({
          case: `${kind}, one input`,
          metric: `${stages.length} workers`,
          value: median(splitMs),
          unit: "ms",
          baseline: "unsplit",
          ratio: median(splitMs) / base,
        });
        report({
          case: `${kind}, one input`,
          metric: "overhead per cut",
          value: (median(splitMs) - base) / (stages.length - 1),
          unit: "ms",
        });
        progress(`${kind}, ${ROWS} inputs`);
        const rounds: Record<"whole" | "single" | "micro", Round[]> = { whole: [], single: [], micro: [] };
        // Interleaved: a slow moment of the machine hits all.
        for (let i = 0; i < ROUNDS; i++) {
          rounds.whole.push(await whole.run(kind, inputs, MICRO_BATCHES));
          rounds.single.push(await split.run(kind, inputs, 1));
          rounds.micro.push(await split.run(kind, inputs, MICRO_BATCHES));
        }
        const [reference] = rounds.whole;
        const told = ({ digest, results }: Round) => `${digest} ${results.map((bytes) => toHex(bytes)).join()}`;
        for (const round of [...rounds.whole, ...rounds.single, ...rounds.micro])
          if (reference === undefined || told(round) !== told(reference) || round.results.length !== ROWS)
            throw new TypeError("a split result is not the unsplit one");
        const rate = (list: readonly Round[]) => ROWS / (median(list.map(({ ms }) => ms)) / 1000);
        const name = `${kind}, ${ROWS} inputs`;
        const baseline = rate(rounds.whole);
        report({ case: name, metric: "unsplit, one worker", value: baseline, unit: "inputs/s" });
        for (const [metric, list] of [
          [`${stages.length} workers, one batch`, rounds.single],
          [`${stages.length} workers, ${MICRO_BATCHES} micro-batches`, rounds.micro],
        ] as const)
          report({
            case: name,
            metric,
            value: rate(list),
            unit: "inputs/s",
            baseline: "unsplit",
            ratio: rate(list) / baseline,
          });
        const cpu = (list: readonly Round[]) => median(list.map(({ cpuMs }) => cpuMs)) / ROWS;
        const least = cpu(rounds.whole);
        report({ case: name, metric: "processor, unsplit", value: least, unit: "ms an input" });
        const cost = cpu(rounds.micro);
        report({
          case: name,
          metric: `processor, ${MICRO_BATCHES} micro-batches`,
          value: cost,
          unit: "ms an input",
          baseline: "unsplit",
          ratio: cost / least,
        });
        const work = rounds.micro.map(({ workMs }) => Math.max(...workMs) / ROWS);
        report({ case: name, metric: "slowest stage at work", value: median(work), unit: "ms an input" });
        if (kind === "libp2p") {
          const right = (reference?.results ?? []).filter((bytes, i) => {
            const [answer] = interpretOutput(model.output, decodeTensor(bytes));
            return answer?.index === evaluation.labels[(i * 5) % evaluation.rows];
          });
          report({ case: name, metric: "right answers", value: right.length, unit: `of ${ROWS}` });
        }
      }
    } finally {
      await split.stop();
      await whole.stop();
    }
  },
};
