// SPDX-License-Identifier: GPL-3.0-or-later
import { type Address, type PublicClient, type WalletClient, encodeDeployData, isAddressEqual, parseAbi } from "viem";
import { evidenceRouterAbi } from "../../offchain/adapters/chain/abi/evidence-router.ts";
import { CIPHER } from "../../offchain/core/types.ts";
import { DeployError } from "./errors.ts";
import { readArtifact } from "./read-artifact.ts";

export interface DeployRefereeParameters {
  readonly publicClient: PublicClient;
  /** Pays; announces too, if it is the router's timelock. */
  readonly walletClient: WalletClient;
  readonly hub: Address;
}

/** Between an adapter's announcement and its place in the router. */
export const ADAPTER_TIMELOCK_SEC = 48 * 3_600;

const views = parseAbi([
  "function HUB() view returns (address)",
  "function router() view returns (address)",
  "function TIMELOCK() view returns (address)",
  "function announce(uint8 kind, address adapter)",
]);

/**
 * Deploys the referee of ciphertexts for a hub. It is apart from `deployAssay` because a job over ciphertexts is accepted as soon as the
 * router has this adapter: announce it (48 hours, then anyone may `add` it) when workers evaluate ciphertexts, not before.
 * Errors: ACCOUNT_MISSING, ARTIFACT_MISSING, DEPLOYMENT_FAILED, WIRING_WRONG.
 */
export async function deployReferee(
  { publicClient, walletClient, hub }: DeployRefereeParameters,
  isAnnounced = false,
): Promise<Address> {
  const { account, chain = null } = walletClient;
  if (account === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  const contract = "CipherReferee";
  const artifact = readArtifact(contract);
  if (artifact === undefined) throw new DeployError("ARTIFACT_MISSING", { contract });
  const data = encodeDeployData({ abi: artifact.abi, bytecode: artifact.bytecode, args: [hub] });
  const hash = await walletClient.sendTransaction({ account, chain, data });
  const { contractAddress, status } = await publicClient.waitForTransactionReceipt({ hash, pollingInterval: 100 });
  if (status !== "success" || contractAddress === null || contractAddress === undefined)
    throw new DeployError("DEPLOYMENT_FAILED", { contract, address: "any address", reason: `transaction ${hash}` });
  const have = await publicClient.readContract({ address: contractAddress, abi: views, functionName: "HUB" });
  if (!isAddressEqual(have, hub)) throw new DeployError("WIRING_WRONG", { what: "The referee's hub", have, want: hub });
  if (isAnnounced) {
    const router = await publicClient.readContract({ address: hub, abi: views, functionName: "router" });
    const args = [CIPHER, contractAddress] as const;
    const sent = await walletClient.writeContract({
      account,
      chain,
      address: router,
      abi: views,
      functionName: "announce",
      args,
    });
    await publicClient.waitForTransactionReceipt({ hash: sent, pollingInterval: 100 });
  }
  return contractAddress;
}

/**
 * Makes a local chain take jobs over ciphertexts: deploys the referee, lets the two days of its timelock pass in chain time, and adds it.
 * `advance` lets so many seconds pass (`evm_increaseTime` and a block). Errors: those of `deployReferee`.
 */
export async function admitCiphertexts(
  parameters: DeployRefereeParameters,
  advance: (seconds: number) => Promise<void>,
): Promise<Address> {
  const { publicClient, walletClient, hub } = parameters;
  const referee = await deployReferee(parameters, true);
  await advance(ADAPTER_TIMELOCK_SEC);
  const { account, chain = null } = walletClient;
  if (account === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  const address = await publicClient.readContract({ address: hub, abi: views, functionName: "router" });
  const call = { address, abi: evidenceRouterAbi, functionName: "add", args: [CIPHER] } as const;
  const hash = await walletClient.writeContract({ ...call, account, chain });
  await publicClient.waitForTransactionReceipt({ hash, pollingInterval: 100 });
  return referee;
}
