// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createClient,
  http,
  publicActions,
  serializeCompactSignature,
  signatureToCompactSignature,
  walletActions,
  type Hex,
} from "viem";
import { generatePrivateKey, privateKeyToAccount, sign } from "viem/accounts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { modelRegistryAbi } from "../../offchain/adapters/chain/abi/model-registry.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import type { ModelManifest } from "../../offchain/core/types.ts";
import { deployAssay, type Deployment } from "../../scripts/deploy/deploy-assay.ts";
import { startChain, type DevChain } from "../../scripts/demo/chain.ts";
import { Children } from "../../scripts/demo/children.ts";
import { enlistWorker } from "../../scripts/demo/enlist-worker.ts";

export interface DevDeployment {
  readonly chain: DevChain;
  readonly deployment: Deployment;
  /** Funded with gas money and tokens. */
  readonly requesterKey: Hex;
  readonly workerIds: readonly number[];
  register(manifest: ModelManifest): Promise<void>;
  /** A new key with gas money. */
  fundedKey(): Promise<Hex>;
  mint(to: Hex, amount: bigint): Promise<void>;
  stop(): Promise<void>;
}

/** A real local chain with Assay on it and registered workers that do nothing: their endpoints answer nobody. */
export async function startDevDeployment(options: { workers: number; endpoint?: (index: number) => string }) {
  const folder = mkdtempSync(join(tmpdir(), "assay-chain-"));
  const children = new Children();
  const chain = await startChain(children, join(folder, "chain.log"), new AbortController().signal);
  const fundedKey = async (): Promise<Hex> => {
    const key = generatePrivateKey();
    await chain.rpc("hardhat_setBalance", [privateKeyToAccount(key).address, "0x8ac7230489e80000000"]);
    return key;
  };
  const deployerKey = await fundedKey();
  const client = createClient({
    account: privateKeyToAccount(deployerKey),
    transport: http(chain.url),
    pollingInterval: 50,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);
  const deployment = await deployAssay({ publicClient: client as never, walletClient: client });
  const minimumStake = 4400n * 10n ** 18n;
  const workerIds: number[] = [];
  for (let index = 0; index < options.workers; index++) {
    const hot = generatePrivateKey();
    workerIds.push(
      await enlistWorker({
        rpcUrl: chain.url,
        deployment,
        ownerKey: await fundedKey(),
        signer: privateKeyToAccount(hot).address,
        signDigest: async (hash) =>
          serializeCompactSignature(signatureToCompactSignature(await sign({ hash, privateKey: hot }))),
        profile: {
          transportId: `0x${"11".repeat(32)}`,
          sealKey: `0x${"22".repeat(32)}`,
          endpoints: options.endpoint?.(index) ?? "http://127.0.0.1:9",
        },
        stake: minimumStake,
      }),
    );
  }
  const write = async (hash: Promise<Hex>) => void (await client.waitForTransactionReceipt({ hash: await hash }));
  if (options.workers > 0)
    await write(
      client.writeContract({
        chain: null,
        address: deployment.vault,
        abi: stakeVaultAbi,
        functionName: "advanceEpoch",
      }),
    );
  const mint = async (to: Hex, amount: bigint) =>
    write(
      client.writeContract({
        chain: null,
        address: deployment.token,
        abi: devTokenAbi,
        functionName: "mint",
        args: [to, amount],
      }),
    );
  const requesterKey = await fundedKey();
  await mint(privateKeyToAccount(requesterKey).address, 1_000_000n * 10n ** 18n);
  return {
    chain,
    deployment,
    requesterKey,
    workerIds,
    fundedKey,
    mint,
    register: async (manifest: ModelManifest) =>
      write(
        client.writeContract({
          chain: null,
          address: deployment.registry,
          abi: modelRegistryAbi,
          functionName: "register",
          args: [manifest],
        }),
      ),
    stop: async () => {
      await children.stopAll(5_000);
      rmSync(folder, { recursive: true, force: true });
    },
  } satisfies DevDeployment;
}
