// SPDX-License-Identifier: GPL-3.0-or-later
import { admissionOrder, type Waiting } from "../core/fee-priority.ts";
import type { Clock } from "../core/ports/clock.ts";

export interface WorkPlacesOptions {
  /** Stages computed at once: each takes a core. */
  readonly maxRunning: number;
  /** Stages waiting behind them; those last in order beyond it are abstained from at once, so that their committees lose no time. */
  readonly maxWaiting: number;
}

/** A stage that waits for its turn. */
interface Queued extends Waiting {
  /** Its turn has come (true), or others of a full queue go before it. */
  readonly call: (isTurn: boolean) => void;
}

/** Who computes now, and who next: by fee and age. */
export class WorkPlaces {
  readonly #options: WorkPlacesOptions;
  readonly #clock: Clock;
  #waiting: readonly Queued[] = [];
  #running = 0;

  constructor(options: WorkPlacesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Stages that may run at once. */
  get capacity(): number {
    return this.#options.maxRunning;
  }

  /** Stages running and waiting. */
  get load(): number {
    return this.#running + this.#waiting.length;
  }

  /** Waits for one of `maxRunning` places, which the caller gives back by `next`; false if the queue is full of better ones. */
  async turn(seatReward: bigint): Promise<boolean> {
    if (this.#running < this.#options.maxRunning) {
      this.#running += 1;
      return true;
    }
    return new Promise<boolean>((resolve) => {
      const queued = { seatReward, sinceSec: this.#nowSec(), call: resolve };
      const order = admissionOrder([...this.#waiting, queued], this.#nowSec());
      this.#waiting = order.slice(0, this.#options.maxWaiting);
      for (const { call } of order.slice(this.#options.maxWaiting)) call(false);
    });
  }

  /** Passes a place on to the first in order; ages have changed since it was sorted. */
  next(): void {
    const [first, ...rest] = admissionOrder(this.#waiting, this.#nowSec());
    this.#waiting = rest;
    if (first === undefined) this.#running -= 1;
    else first.call(true);
  }

  #nowSec(): number {
    return this.#clock.monotonicMs() / 1000;
  }
}
