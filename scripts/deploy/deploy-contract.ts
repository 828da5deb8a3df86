// SPDX-License-Identifier: GPL-3.0-or-later
import { type Address, BaseError, encodeDeployData, type Hex, type PublicClient, type WalletClient } from "viem";
import { DeployError } from "./errors.ts";
import { readArtifact } from "./read-artifact.ts";

const reasonOf = (cause: unknown): string => (cause instanceof BaseError ? cause.shortMessage : String(cause));

/** Deploys one contract and waits for it. Errors: ARTIFACT_MISSING, ACCOUNT_MISSING, DEPLOYMENT_FAILED. */
export async function deployContract(
  { publicClient, walletClient }: { readonly publicClient: PublicClient; readonly walletClient: WalletClient },
  contract: string,
  args: readonly unknown[],
): Promise<Address> {
  const account = walletClient.account;
  if (account === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  const artifact = readArtifact(contract);
  if (artifact === undefined) throw new DeployError("ARTIFACT_MISSING", { contract });
  const data = encodeDeployData({ abi: artifact.abi, bytecode: artifact.bytecode, args });
  const fail = (reason: string, cause?: unknown) =>
    new DeployError("DEPLOYMENT_FAILED", { contract, address: "a new address", reason }, { cause });
  const hash: Hex = await walletClient
    .sendTransaction({ account, chain: walletClient.chain ?? null, data })
    .catch((cause: unknown) => {
      throw fail(reasonOf(cause), cause);
    });
  const { status, contractAddress } = await publicClient.waitForTransactionReceipt({ hash, pollingInterval: 100 });
  if (status !== "success" || contractAddress === null || contractAddress === undefined)
    throw fail(`transaction ${hash}`);
  return contractAddress;
}
