// SPDX-License-Identifier: GPL-3.0-or-later

/** Runs one action after the other, in the order of the calls. */
export function createQueue(): <T>(action: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return async (action) => {
    const next = tail.then(action);
    tail = next.catch(() => undefined);
    return next;
  };
}
