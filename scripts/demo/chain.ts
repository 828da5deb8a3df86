// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from "node:path";
import type { Child, Children } from "./children.ts";
import { DemoError } from "./errors.ts";

export interface DevChain {
  readonly url: string;
  readonly child: Child;
  /** From now on a block every `intervalMs`, as protocol.md section 10 wants it; before, every transaction is a block. */
  mineEvery(intervalMs: number): Promise<void>;
  /** `mineBlocks`. */
  mine(blocks: number): Promise<void>;
  rpc(method: string, params: readonly unknown[]): Promise<unknown>;
}

const START_MS = 60_000;

/** Blocks one by one: those that `hardhat_mine` skips over have no headers of their own, so no audit could record the chain. */
export async function mineBlocks(rpc: DevChain["rpc"], blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await rpc("evm_mine", []);
}

/** A Hardhat node as a real process on a free loopback port. Its time begins `behindSec` before now. */
export async function startChain(
  children: Children,
  logFile: string,
  signal: AbortSignal,
  behindSec = 0,
): Promise<DevChain> {
  let child: Child | undefined;
  const url = await new Promise<string>((found, failed) => {
    const timer = setTimeout(() => failed(new DemoError("CHAIN_SILENT", { seconds: START_MS / 1000 })), START_MS);
    const stop = (error: Error): void => {
      clearTimeout(timer);
      failed(error);
    };
    signal.addEventListener("abort", () => stop(new DemoError("INTERRUPTED", {})), { once: true });
    child = children.start({
      name: "chain",
      command: process.execPath,
      args: [
        resolve("node_modules/hardhat/dist/src/cli.js"),
        "node",
        "--network",
        "devnet",
        "--hostname",
        "127.0.0.1",
        "--port",
        "0",
      ],
      env: { HARDHAT_DISABLE_TELEMETRY: "true", ASSAY_DEVNET_BEHIND_SEC: String(behindSec) },
      logFile,
      onLine: (line) => {
        const match = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
        if (match !== null) {
          clearTimeout(timer);
          found(match[0]);
        }
      },
    });
    void child.exited.then((code) => stop(new DemoError("CHILD_ENDED", { name: "chain", code, logFile })));
  });
  const rpc = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const reply = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const body = (await reply.json()) as { result?: unknown; error?: { message: string } };
    if (body.error !== undefined) throw new DemoError("RPC_FAILED", { method, why: body.error.message });
    return body.result;
  };
  if (child === undefined) throw new DemoError("CHAIN_SILENT", { seconds: 0 });
  return {
    url,
    child,
    rpc,
    mine: async (blocks) => mineBlocks(rpc, blocks),
    mineEvery: async (intervalMs) => {
      await rpc("evm_setAutomine", [false]);
      await rpc("evm_setIntervalMining", [intervalMs]);
    },
  };
}
