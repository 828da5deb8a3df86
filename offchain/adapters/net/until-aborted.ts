// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The iterator's next step, or the signal's reason as soon as it aborts. Not `Promise.race` against one long-lived promise: that keeps
 * every step of the stream in memory until the stream ends.
 */
export async function nextOrAbort<T>(
  iterator: AsyncIterator<T>,
  signal: AbortSignal,
): Promise<IteratorResult<T, unknown>> {
  signal.throwIfAborted();
  const step = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
    const aborted = () => reject(signal.reason as Error);
    const listening = () => signal.removeEventListener("abort", aborted);
    signal.addEventListener("abort", aborted, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(listening)
      .catch(() => undefined);
  });
  signal.throwIfAborted();
  return step;
}

/** Passes a stream on until the signal aborts, then fails with its reason at once, even if the source hangs or ends as if whole. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await nextOrAbort(iterator, signal);
      if (step.done) return;
      yield step.value;
    }
  } finally {
    // Not awaited: a source that hangs must not hold its reader.
    iterator.return?.().catch(() => undefined);
  }
}
