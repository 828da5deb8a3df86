// SPDX-License-Identifier: MIT
import { BaseError, custom, http, HttpRequestError, TimeoutError, type CustomTransport } from "viem";
import type { Clock } from "../../core/ports/clock.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { ChainError } from "./errors.ts";

export interface RpcTransportOptions {
  readonly rpcUrl: string;
  /** One request, dial to reply. */
  readonly timeoutMs?: number;
  /** Tries of one request before RPC_UNAVAILABLE. */
  readonly tries?: number;
  /** First pause between tries; doubles up to 16 times this, each with full jitter. */
  readonly pauseMs?: number;
  /** Ends the pauses between tries. */
  readonly signal?: AbortSignal;
  /** Also breaks off requests under way: for callers that leave nothing half-done. */
  readonly requestSignal?: AbortSignal;
}

export interface RpcTransportModules {
  readonly clock: Clock;
  readonly metrics?: Metrics;
  /** In [0, 1): spreads the retries of many workers after an outage. */
  readonly random: () => number;
}

/** Scheme and host only: provider URLs carry API keys in their path or query. */
export function publicUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "(unreadable URL)";
}

/** Connection refused, reset, time-out, 429 and 5xx are worth another try; an answer, even an error, is not. */
export function isOutage(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  if (!(error instanceof HttpRequestError)) return false;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}

/**
 * JSON-RPC over HTTP with time-outs, retries with jitter and a typed error when the endpoint is down.
 * Errors: RPC_UNAVAILABLE; errors that the node answered pass through for `toChainError`.
 * Trust: the endpoint is believed about the chain; it cannot make a worker sign twice, because that rests on the journal.
 */
export function rpcTransport(options: RpcTransportOptions, modules: RpcTransportModules): CustomTransport {
  const { timeoutMs = 10_000, tries = 3, pauseMs = 150, signal } = options;
  const inner = http(options.rpcUrl, { retryCount: 0, timeout: timeoutMs })({ retryCount: 0 });
  const request = async (
    call: { method: string; params?: unknown },
    own?: { signal?: AbortSignal | undefined },
  ): Promise<unknown> => {
    const stops = [own?.signal, options.requestSignal].filter((stop) => stop !== undefined);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer: unknown = await inner.request(call, stops.length === 0 ? {} : { signal: AbortSignal.any(stops) });
        modules.metrics?.count("assay_chain_requests_total", { outcome: "ok" });
        return answer;
      } catch (error) {
        if (!isOutage(error)) {
          modules.metrics?.count("assay_chain_requests_total", { outcome: "ok" });
          throw error;
        }
        modules.metrics?.count("assay_chain_requests_total", { outcome: "failed" });
        if (attempt >= tries || signal?.aborted === true) {
          const reason = error instanceof BaseError ? error.shortMessage : "no connection";
          throw new ChainError("RPC_UNAVAILABLE", { url: publicUrl(options.rpcUrl), reason }, { cause: error });
        }
        const pause = Math.min(pauseMs * 2 ** (attempt - 1), pauseMs * 16) * (0.5 + modules.random() / 2);
        await modules.clock.sleep(pause, signal);
      }
    }
  };
  return custom({ request }, { retryCount: 0 });
}
