// SPDX-License-Identifier: MIT
import { isAddressEqual, zeroAddress, type Address, type Client } from "viem";
import { readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { evidenceRouterAbi } from "../adapters/chain/abi/evidence-router.ts";
import { proofAdapterAbi } from "../adapters/chain/abi/proof-adapter.ts";
import { PROOF } from "../core/types.ts";
import { checked } from "./checked.ts";

/** The registry of keys that the hub's judge of proofs reads; null if the hub has no such judge. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function keyRegistryOf(client: Client, hub: Address): Promise<Address | null> {
  const router = await checked("router", async () =>
    readContract(client, { address: hub, abi: assayHubAbi, functionName: "router" }),
  );
  const adapter = await checked("adapterOf", async () =>
    readContract(client, { address: router, abi: evidenceRouterAbi, functionName: "adapterOf", args: [PROOF] }),
  );
  if (isAddressEqual(adapter, zeroAddress)) return null;
  return checked("keys", async () =>
    readContract(client, { address: adapter, abi: proofAdapterAbi, functionName: "keys" }),
  );
}
