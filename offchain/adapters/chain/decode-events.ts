// SPDX-License-Identifier: MIT
import { parseEventLogs, type Log, type ParseEventLogsReturnType } from "viem";
import { assayHubAbi } from "./abi/assay-hub.ts";
import { modelRegistryAbi } from "./abi/model-registry.ts";
import { stakeVaultAbi } from "./abi/stake-vault.ts";
import type { Deployment } from "./chain.ts";

type Parsed<A extends typeof assayHubAbi | typeof stakeVaultAbi | typeof modelRegistryAbi> = ParseEventLogsReturnType<
  A,
  undefined,
  true
>[number];
export type HubEvent = Parsed<typeof assayHubAbi>;
export type VaultEvent = Parsed<typeof stakeVaultAbi>;
export type RegistryEvent = Parsed<typeof modelRegistryAbi>;

/** A block range's logs as typed events, in order. Logs that do not fit the ABI exactly, or come from elsewhere, are left out. */
export function decodeEvents(
  contracts: Pick<Deployment, "hub" | "vault" | "registry">,
  logs: readonly Log[],
): { hub: HubEvent[]; vault: VaultEvent[]; registry: RegistryEvent[] } {
  const from = (address: string) => logs.filter((log) => log.address.toLowerCase() === address.toLowerCase());
  return {
    hub: parseEventLogs({ abi: assayHubAbi, logs: from(contracts.hub), strict: true }),
    vault: parseEventLogs({ abi: stakeVaultAbi, logs: from(contracts.vault), strict: true }),
    registry: parseEventLogs({ abi: modelRegistryAbi, logs: from(contracts.registry), strict: true }),
  };
}
