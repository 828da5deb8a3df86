// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout } from "node:timers/promises";
import { network } from "hardhat";
import { createPublicClient, createWalletClient, http, parseEther, toHex, type Hex } from "viem";
import { mnemonicToAccount, type HDAccount } from "viem/accounts";
import { deployAssay, type Deployment } from "../../../scripts/deploy/deploy-assay.ts";
import type { DeploymentParameters } from "../../../scripts/deploy/parameters.ts";

/** Hardhat's published development mnemonic. */
const MNEMONIC = "test test test test test test test test test test test junk";

export interface TestChain {
  readonly url: string;
  readonly deployment: Deployment;
  rpc(method: string, params?: readonly unknown[]): Promise<unknown>;
  account(index: number): { readonly address: Hex; readonly privateKey: Hex };
  clients(index: number): ReturnType<typeof clientsOf>;
  /** Blocks at this pace from now on; 0: a block for each transaction. Resolves when the old pace is over. */
  setPace(intervalMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Derived once each: a mnemonic takes thousands of hashes. */
const accounts = new Map<number, HDAccount>();
function accountOf(index: number): HDAccount {
  const account = accounts.get(index) ?? mnemonicToAccount(MNEMONIC, { addressIndex: index });
  accounts.set(index, account);
  return account;
}

const keyOf = (index: number): Hex => toHex(accountOf(index).getHdKey().privateKey ?? new Uint8Array());

function clientsOf(url: string, index: number) {
  const account = accountOf(index);
  const transport = http(url);
  return {
    account,
    public: createPublicClient({ transport, pollingInterval: 30, cacheTime: 0 }),
    wallet: createWalletClient({ account, transport }),
  };
}

/** A Hardhat node in this process, with a deployment on it. Instant blocks at first; `mineEvery` then runs the clock. */
export async function startTestChain(parameterOverrides: Partial<DeploymentParameters> = {}): Promise<TestChain> {
  const server = await network.createServer("hardhatMainnet", "127.0.0.1");
  const { address, port } = await server.listen();
  const url = `http://${address}:${port}`;
  const { public: publicClient, wallet: walletClient } = clientsOf(url, 0);
  const rpc = async (method: string, params: readonly unknown[] = []): Promise<unknown> =>
    publicClient.request({ method: method as "eth_chainId", params: params as never });
  const deployment = await deployAssay({ publicClient, walletClient, parameterOverrides });
  let stopClock = async (): Promise<void> => {};
  return {
    url,
    deployment,
    rpc,
    account: (index) => ({
      address: accountOf(index).address,
      privateKey: keyOf(index),
    }),
    clients: (index) => clientsOf(url, index),
    setPace: async (intervalMs) => {
      await stopClock();
      await rpc("evm_setAutomine", [intervalMs === 0]);
      if (intervalMs > 0) stopClock = startClock(intervalMs, () => rpc("evm_mine"));
    },
    close: async () => {
      await stopClock();
      await server.close();
    },
  };
}

/** Gas money for an account beyond the node's own twenty. */
export async function fund(chain: TestChain, address: Hex): Promise<void> {
  await chain.rpc("hardhat_setBalance", [address, toHex(parseEther("100"))]);
}

/** Blocks at a fixed pace: deadlines need time, seeds need blocks. */
export const mineEvery = async (chain: TestChain, intervalMs: number): Promise<void> => chain.setPace(intervalMs);

/** A timer that is late by so many milliseconds puts off the next block by as many more, times this. */
const LAG_FACTOR = 4;
const MOST_LAG_MS = 2_000;

/**
 * Mines from this process, not from the node's own thread: where other suites keep the processors busy, workers are slow,
 * and their deadlines, counted in blocks, are as slow. Returns how to stop it; stopped when the last block is mined.
 */
function startClock(intervalMs: number, mine: () => Promise<unknown>): () => Promise<void> {
  const stop = new AbortController();
  const sleep = async (ms: number) => setTimeout(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const due = performance.now() + intervalMs;
      await sleep(intervalMs);
      await sleep(Math.min(LAG_FACTOR * Math.max(0, performance.now() - due), MOST_LAG_MS));
      if (!stop.signal.aborted) await mine();
    }
  };
  const over = run();
  return async () => {
    stop.abort();
    await over;
  };
}
