// SPDX-License-Identifier: GPL-3.0-or-later
import { NodeError } from "./errors.ts";

/**
 * Waits for SIGTERM or SIGINT (or `signal`), then for `stop`. A second signal rejects with FORCED: the caller exits at once, and the
 * next start continues from the journal.
 */
export async function runUntilSignal(stop: () => Promise<void>, signal?: AbortSignal): Promise<void> {
  const { promise: forced, reject: force } = Promise.withResolvers<never>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<undefined>();
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals === 1) ask(undefined);
    else force(new NodeError("FORCED"));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  signal?.addEventListener("abort", onSignal, { once: true });
  forced.catch(() => undefined);
  try {
    await Promise.race([asked, forced]);
    await Promise.race([stop(), forced]);
  } finally {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
    signal?.removeEventListener("abort", onSignal);
  }
}
