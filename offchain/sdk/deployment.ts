// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { getChainId, readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { checked } from "./checked.ts";

/** A hub and the contracts it was built with; all immutable, so they are read once a client. */
export interface Deployment {
  readonly chainId: number;
  readonly hub: Address;
  readonly vault: Address;
  readonly registry: Address;
  readonly params: Address;
  readonly randomness: Address;
  readonly token: Address;
  readonly router: Address;
}

const known = new WeakMap<Client, Map<Address, Promise<Deployment>>>();

/**
 * Reads which contracts belong to a hub.
 * Errors: the chain module's RPC_UNAVAILABLE, REVERTED (no hub at that address).
 */
export async function getDeployment(client: Client, hub: Address): Promise<Deployment> {
  const ofClient = known.get(client) ?? new Map<Address, Promise<Deployment>>();
  known.set(client, ofClient);
  const found = ofClient.get(hub);
  if (found !== undefined) return found;
  const reading = readDeployment(client, hub);
  ofClient.set(hub, reading);
  // A failed read must not be remembered: the endpoint may come back.
  reading.catch(() => ofClient.delete(hub));
  return reading;
}

async function readDeployment(client: Client, hub: Address): Promise<Deployment> {
  const read = async (
    functionName: "vault" | "registry" | "params" | "randomness" | "token" | "router",
  ): Promise<Address> =>
    checked(functionName, async () => readContract(client, { address: hub, abi: assayHubAbi, functionName }));
  const [chainId, vault, registry, params, randomness, token, router] = await Promise.all([
    checked("eth_chainId", async () => getChainId(client)),
    read("vault"),
    read("registry"),
    read("params"),
    read("randomness"),
    read("token"),
    read("router"),
  ]);
  return { chainId, hub, vault, registry, params, randomness, token, router };
}
