// SPDX-License-Identifier: GPL-3.0-or-later
import { fork, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { extname, join } from "node:path";
import { CeremonyError } from "./errors.ts";

/** One call of unmodified snarkjs, on files by path. */
export type StockRequest =
  | { readonly call: "verifyPtau"; readonly ptau: string }
  | { readonly call: "newZkey"; readonly r1cs: string; readonly ptau: string; readonly zkey: string }
  | {
      readonly call: "contribute";
      readonly from: string;
      readonly to: string;
      readonly name: string;
      readonly entropy: string;
    }
  | {
      readonly call: "beacon";
      readonly from: string;
      readonly to: string;
      readonly name: string;
      readonly beacon: string;
      readonly iterations: number;
    }
  | { readonly call: "verifyFromInit"; readonly init: string; readonly ptau: string; readonly zkey: string };

export type StockReply = { readonly ok: boolean; readonly errors: readonly string[] } | { readonly failed: string };

/** What snarkjs said: its verdict and the complaints it logged. */
export interface StockVerdict {
  readonly ok: boolean;
  readonly why: string;
}

const failed = (call: string, reason: string, cause?: unknown) =>
  new CeremonyError("STOCK_FAILED", { call, reason }, { cause });

/** A child that has nothing to do: the next call soon after takes it, and saves loading snarkjs and its curve. */
let idle: ChildProcess | undefined;
const IDLE_MS = 5000;

function start(): ChildProcess {
  // The same file as source and as packed JavaScript.
  const child = fork(join(import.meta.dirname, `stock-process${extname(import.meta.filename)}`), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  // While a call runs, it hears of errors itself; of an idle child they mean nothing, for the next call takes a connected one.
  child.on("error", () => {});
  return child;
}

/** Nothing of an idle child keeps this process alive, and it ends with this process. */
function hold(child: ChildProcess, held: boolean): void {
  const parts = [child, child.channel, child.stderr as Socket | null];
  for (const part of parts)
    if (held) part?.ref?.();
    else part?.unref?.();
}

function take(): ChildProcess {
  const child = idle?.connected === true ? idle : start();
  idle = undefined;
  hold(child, true);
  return child;
}

function giveBack(child: ChildProcess): void {
  if (idle !== undefined || !child.connected) return void child.kill();
  idle = child;
  hold(child, false);
  setTimeout(() => {
    if (idle !== child) return;
    idle = undefined;
    child.kill();
  }, IDLE_MS).unref();
}

/**
 * Runs one call in a child process, which an abort kills. The request goes over a pipe: entropy is never on a command line or in the
 * environment. Error: STOCK_FAILED; the signal's reason if aborted.
 */
export async function runStock(request: StockRequest, signal?: AbortSignal): Promise<StockVerdict> {
  signal?.throwIfAborted();
  const child = take();
  const { call } = request;
  const { promise, resolve, reject } = Promise.withResolvers<StockReply>();
  let said = "";
  const onText = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-2000));
  const onAbort = (): void => void child.kill();
  const onError = (error: Error): void => reject(failed(call, error.message, error));
  const onExit = (code: number | null, killed: string | null): void =>
    reject(failed(call, `it ended with ${killed ?? code ?? "nothing"}${said === "" ? "" : `: ${said.trim()}`}`));
  child.stderr?.on("data", onText);
  child.on("message", resolve).on("error", onError).on("exit", onExit);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    child.send(request, (error) => {
      if (error !== null) onError(error);
    });
    const reply = await promise;
    if ("failed" in reply) throw failed(call, reply.failed);
    giveBack(child);
    return { ok: reply.ok, why: reply.errors.at(-1)?.replace(/^INVALID:\s*/, "") ?? "no reason given" };
  } catch (error) {
    // After a failure nobody knows what state snarkjs is in.
    child.kill();
    signal?.throwIfAborted();
    throw error;
  } finally {
    child.stderr?.off("data", onText);
    child.off("message", resolve).off("error", onError).off("exit", onExit);
    signal?.removeEventListener("abort", onAbort);
  }
}
