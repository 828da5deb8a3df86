// SPDX-License-Identifier: GPL-3.0-or-later
import { network } from "hardhat";
import { createPublicClient, createWalletClient, http, parseEther, toHex, type Hex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
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
  close(): Promise<void>;
}

function keyOf(index: number): Hex {
  const key = mnemonicToAccount(MNEMONIC, { addressIndex: index }).getHdKey().privateKey;
  return toHex(key ?? new Uint8Array());
}

function clientsOf(url: string, index: number) {
  const account = mnemonicToAccount(MNEMONIC, { addressIndex: index });
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
  return {
    url,
    deployment,
    rpc,
    account: (index) => ({
      address: mnemonicToAccount(MNEMONIC, { addressIndex: index }).address,
      privateKey: keyOf(index),
    }),
    clients: (index) => clientsOf(url, index),
    close: async () => {
      await server.close();
    },
  };
}

/** Gas money for an account beyond the node's own twenty. */
export async function fund(chain: TestChain, address: Hex): Promise<void> {
  await chain.rpc("hardhat_setBalance", [address, toHex(parseEther("100"))]);
}

/** Blocks at a fixed pace: deadlines need time, seeds need blocks. */
export async function mineEvery(chain: TestChain, intervalMs: number): Promise<void> {
  await chain.rpc("evm_setAutomine", [intervalMs === 0]);
  await chain.rpc("evm_setIntervalMining", [intervalMs]);
}
