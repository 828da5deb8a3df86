// SPDX-License-Identifier: GPL-3.0-or-later
import { AsyncLocalStorage } from "node:async_hooks";
import type { SecretWatch } from "./secret-watch.ts";

interface Meter {
  bytes: number;
}
const meters = new AsyncLocalStorage<Meter>();

/**
 * Counts the body bytes that this process sends and receives by `fetch`, for each `metered` action apart, except to `chainUrl`: what
 * is left is what client and workers exchange. Without framing and headers. `watch` is shown all of it.
 */
export function meterFetch(chainUrl: string, watch?: SecretWatch): void {
  const plain = globalThis.fetch;
  const chain = new URL(chainUrl).host;
  globalThis.fetch = async (target, init) => {
    const meter = meters.getStore();
    const url = target instanceof Request ? target.url : String(target);
    const body = typeof init?.body === "string" ? Buffer.from(init.body) : init?.body;
    const isChain = new URL(url).host === chain;
    if (body instanceof Uint8Array) watch?.look(isChain ? "calls to the chain" : "what workers were sent", body);
    if (meter === undefined || isChain) return plain(target, init);
    if (body instanceof Uint8Array) meter.bytes += body.length;
    const response = await plain(target, init);
    const see = watch?.follow("what workers answered");
    const counted = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, out) => {
          meter.bytes += chunk.length;
          see?.(chunk);
          out.enqueue(chunk);
        },
      }),
    );
    const { status, statusText, headers } = response;
    return new Response(counted, { status, statusText, headers });
  };
}

/** Runs an action and tells how many bytes it exchanged with workers. */
export async function metered<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly bytes: number }> {
  const meter: Meter = { bytes: 0 };
  const value = await meters.run(meter, action);
  return { value, bytes: meter.bytes };
}
