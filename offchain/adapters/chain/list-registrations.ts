// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs, type Address, type ContractFunctionArgs, type Hex } from "viem";
import { getBlock, getLogs } from "viem/actions";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";
import type { EnclaveContracts } from "./enclave-contracts.ts";

type By = ContractFunctionArgs<typeof enclaveRegistryAbi, "nonpayable", "invalidateBy">;

/** What a registration's quote bound. */
export interface EnclaveRegistration {
  readonly binding: By[2];
  readonly challenge: Hex;
  readonly runtime: Hex;
  readonly modelId: Hex;
  readonly measurementId: Hex;
  readonly platformId: Hex;
  readonly simulated: boolean;
  /** Of Intel's: the platform's certificate; else the case of the verdict. */
  readonly origin: Hex;
  readonly vendor: number;
  readonly status: number;
  /** Unix seconds. */
  readonly expiry: number;
  readonly blockNumber: bigint;
  readonly transactionHash: Hex;
}

const EVENT = getAbiItem({ abi: enclaveRegistryAbi, name: "EnclaveRegistered" });

/** A key's registrations, oldest first. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function listRegistrations(
  chain: Pick<Chain, "client" | "errors">,
  {
    contracts,
    key,
    fromBlock,
  }: { readonly contracts: EnclaveContracts; readonly key: Address; readonly fromBlock: bigint },
): Promise<readonly EnclaveRegistration[]> {
  try {
    const logs = await getLogs(chain.client, {
      address: contracts.enclaves,
      event: EVENT,
      args: { key },
      fromBlock,
      toBlock: "latest",
    });
    return parseEventLogs({ abi: enclaveRegistryAbi, eventName: "EnclaveRegistered", logs }).map(
      ({ args, blockNumber, transactionHash }) => ({
        ...args,
        origin: args.enclave.origin,
        vendor: args.enclave.vendor,
        status: args.enclave.status,
        expiry: args.enclave.expiry,
        blockNumber,
        transactionHash,
      }),
    );
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}

/** When a registration was made, Unix seconds. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function registrationTime(
  chain: Pick<Chain, "client" | "errors">,
  { blockNumber }: EnclaveRegistration,
): Promise<number> {
  try {
    return Number((await getBlock(chain.client, { blockNumber })).timestamp);
  } catch (error) {
    throw toChainError(error, "eth_getBlockByNumber", chain.errors);
  }
}
