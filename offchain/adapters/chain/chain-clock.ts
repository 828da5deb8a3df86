// SPDX-License-Identifier: MIT
import type { Clock } from "../../core/ports/clock.ts";

/**
 * The chain's time, extrapolated from the newest block with this machine's monotonic clock. Deadlines are the chain's, so a machine
 * whose wall clock is wrong (or is set while it runs) neither acts too early nor too late.
 */
export class ChainClock {
  readonly #clock: Clock;
  #blockSec = 0;
  #seenMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(timestampSec: bigint): void {
    const now = this.now();
    const block = Number(timestampSec);
    // Extrapolation may run ahead of the chain (blocks late) but time must not go backwards by more than the chain does.
    this.#blockSec = block;
    this.#seenMs = this.#clock.monotonicMs();
    if (now > block && now - block < 2) this.#seenMs -= (now - block) * 1000;
  }

  /** Unix seconds with fraction; 0 before the first block. */
  now(): number {
    if (this.#blockSec === 0) return 0;
    return this.#blockSec + Math.max(0, this.#clock.monotonicMs() - this.#seenMs) / 1000;
  }

  /** Wall clock minus chain time in seconds: large values mean that this machine's clock is wrong. */
  skewSec(): number {
    return this.#clock.nowMs() / 1000 - this.now();
  }
}
