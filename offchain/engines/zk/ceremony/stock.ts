// SPDX-License-Identifier: GPL-3.0-or-later
import { fork } from "node:child_process";
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

/**
 * Runs one call in a child process, which an abort kills. The request goes over a pipe: entropy is never on a command line or in the
 * environment. Error: STOCK_FAILED.
 */
export function runStock(request: StockRequest, signal?: AbortSignal): Promise<StockVerdict> {
  const { call } = request;
  // The same file as source and as packed JavaScript.
  const child = fork(join(import.meta.dirname, `stock-process${extname(import.meta.filename)}`), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    ...(signal === undefined ? {} : { signal }),
  });
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
    child.once("message", (reply: StockReply) => {
      if ("failed" in reply) reject(failed(call, reply.failed));
      else resolve({ ok: reply.ok, why: reply.errors.at(-1)?.replace(/^INVALID:\s*/, "") ?? "no reason given" });
    });
    child.once("error", (error) => reject(signal?.aborted === true ? error : failed(call, error.message, error)));
    child.once("exit", (code, killed) =>
      reject(failed(call, `it ended with ${killed ?? code ?? "nothing"}${said === "" ? "" : `: ${said.trim()}`}`)),
    );
    child.send(request);
  });
}
