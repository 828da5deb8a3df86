// SPDX-License-Identifier: GPL-3.0-or-later

/** Lets chain time pass: `evm_increaseTime` and a block. */
export type Advance = (seconds: number) => Promise<void>;

/**
 * Runs tasks that each let chain time pass once, so that all of it passes once: each up to its wait, one behind the other; then the longest
 * wait for all; then each to its end, in order. No two of them send transactions at a time. The first error ends it.
 */
export async function waitOnce<T extends readonly unknown[]>(
  advance: Advance,
  ...tasks: { readonly [K in keyof T]: (wait: Advance) => Promise<T[K]> }
): Promise<T> {
  const waiting: { readonly ended: Promise<unknown>; readonly goOn: () => void }[] = [];
  let longest = 0;
  for (const task of tasks) {
    const gate = Promise.withResolvers<undefined>();
    const arrived = Promise.withResolvers<undefined>();
    const ended = task(async (seconds) => {
      longest = Math.max(longest, seconds);
      arrived.resolve(undefined);
      await gate.promise;
    });
    waiting.push({ ended, goOn: () => gate.resolve(undefined) });
    await Promise.race([arrived.promise, ended]);
  }
  if (longest > 0) await advance(longest);
  const results: unknown[] = [];
  for (const { ended, goOn } of waiting) {
    goOn();
    results.push(await ended);
  }
  return results as unknown as T;
}
