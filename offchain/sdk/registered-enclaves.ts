// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { checked } from "./checked.ts";

export interface RegisteredEnclavesParameters {
  readonly registry: Address;
  /** Those of this key, or of one of these; of this model; of these workers. */
  readonly args: {
    readonly key?: Hex | Hex[];
    readonly worker?: Address[];
    readonly modelId?: Hex;
  };
  readonly fromBlock: bigint;
  /** The newest by default. */
  readonly toBlock?: bigint | undefined;
}

/** What a registry told of registrations, oldest first; whether they still stand it does not say. Error: RPC_UNAVAILABLE. */
export const registeredEnclaves = async (
  client: Client,
  { registry, args, fromBlock, toBlock }: RegisteredEnclavesParameters,
) =>
  checked("EnclaveRegistered", async () =>
    getContractEvents(client, {
      address: registry,
      abi: enclaveRegistryAbi,
      eventName: "EnclaveRegistered",
      args,
      fromBlock,
      toBlock: toBlock ?? "latest",
      strict: true,
    }),
  );
