// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../core/ports/clock.ts";

/** Longest delay a Node timer takes; beyond it, it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= MAX_TIMER_MS) {
        await wait(Math.min(left, MAX_TIMER_MS), undefined, signal ? { signal } : {});
      }
    } catch (error) {
      signal?.throwIfAborted(); // the caller's reason, not Node's wrapper of it
      throw error;
    }
  },
};
