// SPDX-License-Identifier: MIT
import { parseEventLogs, type Account, type Address, type Log } from "viem";
import { simulateContract, writeContract } from "viem/actions";
import { modelRegistryAbi } from "../../adapters/chain/abi/model-registry.ts";
import type { ModelManifest } from "../../core/types.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";

export interface RegisterModelParameters {
  readonly hub: Address;
  readonly manifest: ModelManifest;
  readonly account?: Account | Address | undefined;
}
export type RegisterModelReturnType = TransactionHash;

/**
 * Registers a model for good.
 * Errors: ACCOUNT_MISSING; REVERTED with ModelExists, ManifestInvalid.
 *
 * @example
 * const hash = await registerModel(wallet, { hub, manifest });
 */
export async function registerModel(
  client: WalletLike,
  parameters: RegisterModelParameters,
): Promise<RegisterModelReturnType> {
  const account = accountOf(client, parameters.account, "registerModel");
  const { registry } = await getDeployment(client, parameters.hub);
  const call = { address: registry, abi: modelRegistryAbi, functionName: "register", account } as const;
  return checked("register", async () =>
    writeContract(client, { ...call, args: [parameters.manifest], chain: client.chain ?? null }),
  );
}

/** Dry run: throws what the registration would throw. */
registerModel.call = async (client: WalletLike, parameters: RegisterModelParameters): Promise<void> => {
  const account = accountOf(client, parameters.account, "registerModel");
  const { registry } = await getDeployment(client, parameters.hub);
  const call = { address: registry, abi: modelRegistryAbi, functionName: "register", account } as const;
  await checked("register", async () => simulateContract(client, { ...call, args: [parameters.manifest] }));
};

/** The registration's event in a transaction's logs. */
registerModel.extractEvent = (logs: Log[]) =>
  parseEventLogs({ abi: modelRegistryAbi, eventName: "ModelRegistered", logs })[0];
