// SPDX-License-Identifier: GPL-3.0-or-later
import type { CallOptions, PeerAddress } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";
import type { NetLimits } from "./limits.ts";
import { nextOrAbort } from "./until-aborted.ts";

type Open = (signal: AbortSignal) => AsyncIterable<Uint8Array>;

/**
 * What every transport's `call` has in common: deadline, silence limit, abort and reply size. `open`'s signal aborts with the typed
 * error when any of them ends the call, or when the reader leaves early. Time that the reader takes is not silence.
 */
export async function* guardCall(
  peer: PeerAddress,
  options: CallOptions,
  limits: NetLimits,
  open: Open,
): AsyncGenerator<Uint8Array, void, undefined> {
  const call = new AbortController();
  const end = (error: Error) => call.abort(error);
  const aborted = () => end(new NetError("CALL_ABORTED", { peer: peer.url }, { cause: options.signal.reason }));
  if (options.signal.aborted) aborted();
  options.signal.addEventListener("abort", aborted, { once: true });
  const limitMs = Math.max(0, Math.min(options.deadlineMs, limits.callMs));
  const timeout = (phase: string, ms: number) =>
    end(new NetError("CALL_TIMEOUT", { peer: peer.url, phase, limitMs: ms }));
  const deadline = setTimeout(timeout, limitMs, "call", limitMs);
  let iterator: AsyncIterator<Uint8Array> | null = null;
  let received = 0;
  try {
    call.signal.throwIfAborted();
    iterator = open(call.signal)[Symbol.asyncIterator]();
    for (;;) {
      const silence = setTimeout(timeout, limits.idleMs, "idle", limits.idleMs);
      let step: IteratorResult<Uint8Array, unknown>;
      try {
        step = await nextOrAbort(iterator, call.signal);
      } finally {
        clearTimeout(silence);
      }
      if (step.done) return;
      received += step.value.length;
      if (received > options.maxReplyBytes) {
        throw new NetError("REPLY_TOO_LARGE", { peer: peer.url, limit: options.maxReplyBytes });
      }
      if (step.value.length > 0) yield step.value;
    }
  } finally {
    clearTimeout(deadline);
    options.signal.removeEventListener("abort", aborted);
    aborted(); // after a normal end nobody listens any more
    // Not awaited: a source that hangs must not hold its reader.
    iterator?.return?.().catch(() => undefined);
  }
}
