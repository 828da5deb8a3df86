// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents } from "viem/actions";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import { parseEndpoints } from "../../core/endpoints.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";

export interface GetWorkerProfilesParameters {
  readonly hub: Address;
  readonly workerIds: readonly number[];
  /** First block to search, the deployment's; 0 by default. */
  readonly fromBlock?: bigint | undefined;
}

/** What a worker published about itself. `endpoints` is its own claim: only the transport's handshake proves who answers there. */
export interface WorkerProfile {
  readonly workerId: number;
  /** Ed25519 transport identity. */
  readonly transportId: Hex;
  /** X25519 key that inputs are sealed to. */
  readonly sealKey: Hex;
  readonly endpoints: readonly string[];
}
export type GetWorkerProfilesReturnType = ReadonlyMap<number, WorkerProfile>;

/**
 * The newest profile of each worker, from the vault's events. Workers without one are missing from the map.
 *
 * @example
 * const profiles = await getWorkerProfiles(client, { hub, workerIds: [3, 9] });
 */
export async function getWorkerProfiles(
  client: Client,
  parameters: GetWorkerProfilesParameters,
): Promise<GetWorkerProfilesReturnType> {
  const { hub, workerIds, fromBlock = 0n } = parameters;
  const { vault } = await getDeployment(client, hub);
  const read = async (eventName: "WorkerRegistered" | "ProfileUpdated") =>
    checked(eventName, async () =>
      getContractEvents(client, {
        address: vault,
        abi: stakeVaultAbi,
        eventName,
        args: { workerId: [...workerIds] },
        fromBlock,
        toBlock: "latest",
        strict: true,
      }),
    );
  const [registered, updated] = await Promise.all([read("WorkerRegistered"), read("ProfileUpdated")]);
  const profiles = new Map<number, WorkerProfile>();
  const ordered = [...registered, ...updated].toSorted(
    (a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex,
  );
  for (const { args } of ordered)
    profiles.set(args.workerId, {
      workerId: args.workerId,
      transportId: args.profile.transportId,
      sealKey: args.profile.sealKey,
      endpoints: parseEndpoints(args.profile.endpoints),
    });
  return profiles;
}
