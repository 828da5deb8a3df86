// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "viem";
import { writeContract } from "viem/actions";
import { devTokenAbi } from "../../../offchain/adapters/chain/abi/dev-token.ts";
import { KIND_PUBLIC, type ModelManifest } from "../../../offchain/core/types.ts";
import { connectWallet, type AssayWallet } from "../../../offchain/sdk/node/connect.ts";
import { fund, type TestChain } from "./chain.ts";
import { testManifest } from "./cluster.ts";

/** The SDK of a requester with gas money and a thousand tokens. Blocks must still come with transactions. */
export async function createRequester(chain: TestChain): Promise<AssayWallet> {
  const { hub, token } = chain.deployment;
  const { privateKey } = chain.account(3);
  const wallet = connectWallet({ rpcUrl: chain.url, hub, privateKey, pollMs: 100 });
  const { address } = wallet.account;
  await fund(chain, address);
  const mint = { address: token, abi: devTokenAbi, functionName: "mint", chain: null } as const;
  const hash = await writeContract(wallet, { ...mint, args: [address, 1_000n * 10n ** 18n] });
  await wallet.waitForTransactionReceipt({ hash });
  return wallet;
}

/** The test model with other boundaries: of the input, and of each stage's output. */
export function manifestWith(name: string, kinds: readonly number[]): ModelManifest {
  const base = testManifest(kinds.length - 1);
  const stages = base.stages.map((stage, i) => ({
    ...stage,
    inKind: kinds[i] ?? KIND_PUBLIC,
    outKind: kinds[i + 1] ?? KIND_PUBLIC,
  }));
  return { ...base, name, programRoot: toHex(name, { size: 32 }), stages };
}
