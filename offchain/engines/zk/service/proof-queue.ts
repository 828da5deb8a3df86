// SPDX-License-Identifier: GPL-3.0-or-later
import { ProverError } from "../prover/errors.ts";

interface Entry {
  readonly deadlineMs: number;
  /** Order of arrival, which decides between equal deadlines. */
  readonly order: number;
  start(): void;
  drop(reason: Error): void;
}

/** One at a time, earliest deadline first. What waits can be aborted; what runs must look at its own signal. */
export class ProofQueue {
  readonly #waiting: Entry[] = [];
  readonly #nowMs: () => number;
  #running = false;
  #arrived = 0;
  #closed = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Errors: DEADLINE_PASSED when the turn comes too late, PROVER_CLOSED, the signal's reason. */
  run<T>(work: () => Promise<T>, deadlineMs = Infinity, signal?: AbortSignal): Promise<T> {
    if (this.#closed) return Promise.reject(new ProverError("PROVER_CLOSED"));
    return new Promise<T>((resolve, reject) => {
      const leave = (reason: Error): void => {
        signal?.removeEventListener("abort", aborted);
        reject(reason);
      };
      const entry: Entry = {
        deadlineMs,
        order: this.#arrived++,
        drop: leave,
        start: () => {
          signal?.removeEventListener("abort", aborted);
          const lateMs = this.#nowMs() - deadlineMs;
          const turn = lateMs > 0 ? Promise.reject(new ProverError("DEADLINE_PASSED", { lateMs })) : work();
          turn.then(resolve, reject).finally(() => {
            this.#running = false;
            this.#next();
          });
        },
      };
      const aborted = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        leave(signal?.reason as Error);
      };
      if (signal?.aborted === true) return leave(signal.reason as Error);
      signal?.addEventListener("abort", aborted, { once: true });
      this.#waiting.push(entry);
      this.#next();
    });
  }

  /** Whatever waits is refused. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#waiting.splice(0)) entry.drop(new ProverError("PROVER_CLOSED"));
  }

  #next(): void {
    if (this.#running) return;
    const [first] = this.#waiting.toSorted((a, b) => a.deadlineMs - b.deadlineMs || a.order - b.order);
    if (first === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(first), 1);
    this.#running = true;
    first.start();
  }
}
