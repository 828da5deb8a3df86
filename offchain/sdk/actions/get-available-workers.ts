// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { getContractEvents } from "viem/actions";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import type { AvailableWorkers } from "../../core/available-workers.ts";
import { capabilityNames } from "../../core/capabilities.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";

export interface GetAvailableWorkersParameters {
  readonly hub: Address;
  /** Unix seconds: records that have expired are not counted. */
  readonly time: number;
  /** Of the ticket class, as the vault and the hub count it. */
  readonly pool: { readonly workers: number; readonly ticketedStake: bigint; readonly openRisk: bigint };
  /** First block to search, the deployment's; 0 by default. */
  readonly fromBlock?: bigint | undefined;
}
export type GetAvailableWorkersReturnType = AvailableWorkers;

/** Enclave kinds by the vendor whose key signs their evidence: two kinds of one vendor are one family. */
const VENDORS: Readonly<Record<string, string>> = {
  sgx: "intel",
  tdx: "intel",
  snp: "amd",
  nitro: "aws",
  nvidia: "nvidia",
};

/**
 * How many workers declare what, by their newest records. A declaration is a worker's own word: evidence is checked where it is brought.
 * Error: RPC_UNAVAILABLE.
 *
 * @example
 * const { total, proof } = await getAvailableWorkers(client, { hub, time, pool });
 */
export async function getAvailableWorkers(
  client: Client,
  { hub, time, pool, fromBlock = 0n }: GetAvailableWorkersParameters,
): Promise<GetAvailableWorkersReturnType> {
  const { vault } = await getDeployment(client, hub);
  const read = async (eventName: "WorkerRegistered" | "ProfileUpdated") =>
    checked(eventName, async () =>
      getContractEvents(client, { address: vault, abi: stakeVaultAbi, eventName, fromBlock, strict: true }),
    );
  const [registered, updated] = await Promise.all([read("WorkerRegistered"), read("ProfileUpdated")]);
  const newest = new Map(
    [...registered, ...updated]
      .toSorted((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex)
      .map(({ args }) => [args.workerId, args.profile]),
  );
  const declared = [...newest.values()]
    .filter(({ expiry }) => expiry > time)
    .map(({ capabilities }) => new Set(capabilityNames(capabilities)));
  const count = (name: string): number => Math.min(pool.workers, declared.filter((one) => one.has(name)).length);
  const enclaves: Record<string, number> = {};
  for (const names of declared.filter((one) => one.has("enclave")))
    for (const vendor of new Set([...names].flatMap((name) => VENDORS[name] ?? [])))
      enclaves[vendor] = (enclaves[vendor] ?? 0) + 1;
  const most = pool.ticketedStake / 8n;
  return {
    total: pool.workers,
    proof: count("proof"),
    cipher: count("cipher"),
    enclaves,
    freeRisk: most > pool.openRisk ? most - pool.openRisk : 0n,
  };
}
