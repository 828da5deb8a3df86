// SPDX-License-Identifier: MIT
import { ChainError } from "./errors.ts";
import { publicUrl } from "./rpc-transport.ts";

export type RpcCall = readonly [method: string, params: readonly unknown[]];

/** Bare JSON-RPC: what a node says, not read by anybody yet. */
export interface JsonRpc {
  call(method: string, params?: readonly unknown[]): Promise<unknown>;
  /** Answers in the order of the calls. */
  batch(calls: readonly RpcCall[]): Promise<readonly unknown[]>;
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: string } | undefined;
}

/** Calls of one HTTP request; nodes limit them. */
const MOST_CALLS = 100;
const TIMEOUT_MS = 60_000;

/** JSON-RPC over HTTP, many calls in a request. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export function createJsonRpc(url: string, signal?: AbortSignal): JsonRpc {
  const post = async (body: unknown): Promise<unknown> => {
    const stops = [AbortSignal.timeout(TIMEOUT_MS), ...(signal === undefined ? [] : [signal])];
    try {
      const reply = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.any(stops),
      });
      return await reply.json();
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ChainError("RPC_UNAVAILABLE", { url: publicUrl(url), reason }, { cause });
    }
  };
  const open = (method: string, { result, error }: Answer): unknown => {
    if (error !== undefined) throw new ChainError("RPC_REJECTED", { method, reason: error.message ?? "no reason" });
    return result;
  };
  const ask = async (calls: readonly RpcCall[]): Promise<unknown[]> => {
    const answers = await post(calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params })));
    const byId = new Map((Array.isArray(answers) ? (answers as Answer[]) : []).map((one) => [one.id, one]));
    return calls.map(([method], id) => open(method, byId.get(id) ?? { error: { message: "no answer" } }));
  };
  return {
    call: async (method, params = []) => {
      const answer = (await post({ jsonrpc: "2.0", id: 1, method, params })) as Answer;
      return open(method, answer);
    },
    batch: async (calls) => {
      const results: unknown[] = [];
      for (let at = 0; at < calls.length; at += MOST_CALLS)
        for (const one of await ask(calls.slice(at, at + MOST_CALLS))) results.push(one);
      return results;
    },
  };
}
