// SPDX-License-Identifier: GPL-3.0-or-later
// A program split over worker processes beside the same program in one: the worker's own code and HTTP on loopback, one thread each, without
// votes and chain. All in one run, interleaved, medians.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { BenchRow } from "../scripts/bench.ts";
import type { Order, Place, Word } from "./split/messages.ts";

/** Convolutions of a stage: some 20 and 60 ms on one core. */
const [SHORT, LONG] = [20, 60];
const RUNS = 7;
/** Of one input. */
const SHORT_RUNS = 25;
/** In which processes compile their code: a worker runs for months. */
const WARM_UPS = 10;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** One process. */
class Seat {
  readonly worker: number;
  readonly #child: ChildProcess;
  #fail: () => void = () => undefined;
  url = "";

  private constructor(worker: number, child: ChildProcess) {
    this.worker = worker;
    this.#child = child;
    child.once("exit", () => this.#fail());
  }

  static async start(place: Place): Promise<Seat> {
    const child = fork(new URL("./split/worker.ts", import.meta.url).pathname, [JSON.stringify(place)]);
    const seat = new Seat(place.worker, child);
    const [word] = (await once(child, "message")) as [Extract<Word, { kind: "ready" }>];
    seat.url = word.url;
    return seat;
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  /** The first word that is wanted. */
  hear<K extends Word["kind"]>(
    kind: K,
    run: number,
    wanted: (word: Extract<Word, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<Word, { kind: K }>> {
    return new Promise((resolve, reject) => {
      const listen = (word: Word) => {
        if (word.kind !== kind || ("run" in word && word.run !== run)) return;
        if (!wanted(word as Extract<Word, { kind: K }>)) return;
        this.#child.off("message", listen);
        resolve(word as Extract<Word, { kind: K }>);
      };
      this.#child.on("message", listen);
      this.#fail = () => reject(new TypeError(`worker ${this.worker} ended`));
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  stop(): void {
    this.#fail = () => undefined;
    if (this.#child.connected) this.#child.disconnect();
  }
}

const introduce = (seats: readonly Seat[]): void => {
  const urls = Object.fromEntries(seats.map(({ worker, url }) => [worker, url]));
  for (const seat of seats) seat.tell({ kind: "peers", urls });
};

let runs = 0;
/** Milliseconds from the order to the last stage's answer. */
async function timed(seats: readonly Seat[], rows: number, isEarly: boolean, run = ++runs) {
  const last = seats.at(-1) as Seat;
  const done = last.hear("done", run);
  const before = performance.now();
  for (const [i, seat] of seats.entries()) {
    const next = seats[i + 1];
    const to = next === undefined ? [] : [next.worker];
    seat.tell({ kind: "run", run, rows, isEarly, to, isHeld: false });
  }
  const { digest } = await done;
  return { ms: performance.now() - before, digest };
}

/** Three ways to run a batch, interleaved. */
async function compare(stages: number, rows: number, layers: number) {
  const whole = await Seat.start({ worker: 9, stages, stage: null, layers });
  const parts: Seat[] = [];
  for (let stage = 0; stage < stages; stage++)
    parts.push(await Seat.start({ worker: 1 + stage * 3, stages, stage, layers }));
  introduce(parts);
  const samples = { unsplit: [] as number[], late: [] as number[], early: [] as number[] };
  const counted = rows === 1 ? SHORT_RUNS : RUNS;
  for (let i = 0; i < WARM_UPS + counted; i++) {
    const run = ++runs;
    const unsplit = await timed([whole], rows, false, run);
    const late = await timed(parts, rows, false, run);
    const early = await timed(parts, rows, true, ++runs);
    const again = await timed([whole], rows, false, runs);
    if (late.digest !== unsplit.digest || early.digest !== again.digest) throw new TypeError("digests differ");
    if (i < WARM_UPS) continue;
    samples.unsplit.push(unsplit.ms, again.ms);
    samples.late.push(late.ms);
    samples.early.push(early.ms);
  }
  for (const seat of [whole, ...parts]) seat.stop();
  return { unsplit: median(samples.unsplit), late: median(samples.late), early: median(samples.early) };
}

/** From the death of the seat that feeds to the next row computed, with a co-seat that has voted. */
async function recovery(rows: number): Promise<number> {
  const stages = 2;
  const layers = SHORT;
  const first = await Seat.start({ worker: 1, stages, stage: 0, layers });
  const second = await Seat.start({ worker: 2, stages, stage: 0, layers });
  const taker = await Seat.start({ worker: 4, stages, stage: 1, layers });
  introduce([first, second, taker]);
  const run = ++runs;
  const half = taker.hear("row", run, (word) => word.rows === rows / 2);
  const ready = second.hear("done", run);
  taker.tell({ kind: "run", run, rows, isEarly: true, to: [], isHeld: false });
  first.tell({ kind: "run", run, rows, isEarly: true, to: [4], isHeld: true });
  await half;
  first.stop();
  first.kill();
  const before = performance.now();
  let at = before;
  const next = taker.hear("row", run, (word) => word.rows > rows / 2 + 2).then(() => (at = performance.now()));
  second.tell({ kind: "run", run, rows, isEarly: false, to: [4], isHeld: false });
  await ready;
  const voted = performance.now();
  await next;
  await taker.hear("done", run);
  for (const seat of [second, taker]) seat.stop();
  return Math.max(0, at - voted);
}

export const suite = {
  name: "split",
  async run(report: (row: BenchRow) => void, progress: (text: string) => void): Promise<void> {
    for (const [stages, layers] of [
      [2, SHORT],
      [3, SHORT],
      [2, LONG],
    ] as const) {
      const name = `${stages} workers, ${layers} layers each`;
      progress(`${name}, one input`);
      const one = await compare(stages, 1, layers);
      report({ case: `${name}, 1 input`, metric: "unsplit", value: one.unsplit, unit: "ms" });
      report({
        case: `${name}, 1 input`,
        metric: "split",
        value: one.early,
        unit: "ms",
        baseline: "unsplit",
        ratio: one.early / one.unsplit,
      });
      const added = (one.early - one.unsplit) / (stages - 1);
      report({ case: `${name}, 1 input`, metric: "added per cut", value: added, unit: "ms" });
      const rows = 4 * stages;
      progress(`${name}, ${rows} inputs`);
      const many = await compare(stages, rows, layers);
      const rate = (ms: number) => (rows / ms) * 1_000;
      report({ case: `${name}, ${rows} inputs`, metric: "unsplit", value: rate(many.unsplit), unit: "inputs/s" });
      for (const [metric, ms] of [
        ["split, whole boundaries", many.late],
        [`split, ${rows} micro-batches`, many.early],
      ] as const)
        report({
          case: `${name}, ${rows} inputs`,
          metric,
          value: rate(ms),
          unit: "inputs/s",
          baseline: "unsplit",
          ratio: many.unsplit / ms,
        });
    }
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      progress(`recovery ${i + 1} of 3`);
      times.push(await recovery(8));
    }
    report({ case: "feeding worker killed", metric: "co-seat's vote to next row", value: median(times), unit: "ms" });
  },
};
