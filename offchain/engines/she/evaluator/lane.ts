// SPDX-License-Identifier: MIT

/**
 * One of the threads that evaluate a program together: all run the same calls, each works on its own rows, and they meet where rows
 * of different primes do. Bits cannot depend on their number: every row is computed by the same kernel calls, whoever makes them.
 */
export interface Lane {
  readonly index: number;
  readonly count: number;
  /** Returns when all lanes have called it as often. */
  meet(): void;
}

export const SINGLE_LANE: Lane = { index: 0, count: 1, meet: () => undefined };

/** Looks before a thread sleeps: lanes meet every few hundred microseconds, a wake-up costs tens. */
const SPINS = 20_000;

/** Words of the shared memory at `pointer`: arrivals of the present meeting, meetings over. Both begin at zero. */
export function sharedLane(index: number, count: number, memory: WebAssembly.Memory, pointer: number): Lane {
  const words = new Int32Array(memory.buffer, pointer, 2);
  return {
    index,
    count,
    meet() {
      const meeting = Atomics.load(words, 1);
      if (Atomics.add(words, 0, 1) === count - 1) {
        Atomics.store(words, 0, 0);
        Atomics.add(words, 1, 1);
        Atomics.notify(words, 1);
        return;
      }
      for (let spin = 0; Atomics.load(words, 1) === meeting; spin++) if (spin > SPINS) Atomics.wait(words, 1, meeting);
    },
  };
}
