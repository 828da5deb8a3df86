// SPDX-License-Identifier: MIT
import { SdkError } from "./errors.ts";

export interface PollOptions {
  /** What is being waited for, for the error when the signal fires. */
  readonly doing: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks until an answer other than undefined comes; undefined once the time is over.
 * Errors: INTERRUPTED, and whatever `ask` throws.
 */
export async function pollUntil<T>(ask: () => Promise<T | undefined>, options: PollOptions): Promise<T | undefined> {
  const endMs = Date.now() + options.timeoutMs;
  for (;;) {
    if (options.signal?.aborted === true) throw new SdkError("INTERRUPTED", { doing: options.doing });
    const answer = await ask();
    if (answer !== undefined || Date.now() >= endMs) return answer;
    await pause(Math.min(options.everyMs, Math.max(1, endMs - Date.now())), options.signal);
  }
}

/** Waits, or until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
