// SPDX-License-Identifier: MIT
import type { Clock } from "../../core/ports/clock.ts";

/** Longest rest after a block, in poll intervals: bounds how late an unexpectedly early block is seen. */
const MAX_REST = 8;
const REMEMBERED = 4;

/**
 * When to ask for the head again. Blocks come at a steady pace on most chains, so nothing is asked for most of the time in which none
 * can come; then every `pollMs`. The shortest of the last gaps counts: a pause of the chain must not slow the worker down.
 */
export class PollPace {
  readonly #pollMs: number;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #number: bigint | null = null;
  #seenMs = 0;
  #gapsMs: readonly number[] = [];

  constructor(pollMs: number, clock: Pick<Clock, "monotonicMs">) {
    this.#pollMs = pollMs;
    this.#clock = clock;
  }

  /** A head that was not seen before. */
  observe(number: bigint): void {
    const now = this.#clock.monotonicMs();
    const blocks = this.#number === null ? 0 : Number(number - this.#number);
    this.#gapsMs = blocks > 0 ? [(now - this.#seenMs) / blocks, ...this.#gapsMs].slice(0, REMEMBERED) : [];
    this.#number = number;
    this.#seenMs = now;
  }

  /** Milliseconds until the next question. */
  pauseMs(): number {
    if (this.#gapsMs.length < REMEMBERED) return this.#pollMs;
    const rest = Math.min(0.7 * Math.min(...this.#gapsMs), MAX_REST * this.#pollMs);
    return Math.max(this.#pollMs, rest - (this.#clock.monotonicMs() - this.#seenMs));
  }
}
