// SPDX-License-Identifier: MIT
import type { SheObject } from "../../../core/she/object.ts";
import { StageThreads, type StageThreadsOptions } from "./stage-threads.ts";

/**
 * Several copies of one stage, for jobs side by side: `size` evaluations at a time, each on `lanes` threads, the rest in order of
 * arrival. Each copy holds the weights: memory grows with `size`.
 */
export class StagePool {
  readonly #all: readonly StageThreads[];
  readonly #idle: StageThreads[];
  readonly #queue: ((threads: StageThreads) => void)[] = [];

  private constructor(all: readonly StageThreads[]) {
    this.#all = all;
    this.#idle = [...all];
  }

  /** Errors: KERNEL_MISSING, WORKER_FAILED. */
  static async start(options: StageThreadsOptions & { readonly size: number }): Promise<StagePool> {
    return new StagePool(await Promise.all(Array.from({ length: options.size }, () => StageThreads.start(options))));
  }

  /** Errors: as `StageThreads.run`. */
  async run(input: SheObject, keys: readonly SheObject[]): Promise<SheObject> {
    const threads = this.#idle.pop() ?? (await new Promise<StageThreads>((resolve) => this.#queue.push(resolve)));
    try {
      return await threads.run(input, keys);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#idle.push(threads);
      else next(threads);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((threads) => threads.close()));
  }
}
