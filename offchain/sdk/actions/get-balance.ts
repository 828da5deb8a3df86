// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { readContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { checked } from "../checked.ts";

export interface GetBalanceParameters {
  readonly hub: Address;
  readonly account: Address;
}
/** Free balance at the hub, in token base units. */
export type GetBalanceReturnType = bigint;

/**
 * What an account may spend on jobs or withdraw.
 *
 * @example
 * const free = await getBalance(client, { hub, account: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" });
 */
export async function getBalance(client: Client, parameters: GetBalanceParameters): Promise<GetBalanceReturnType> {
  const { hub, account } = parameters;
  return checked("balanceOf", async () =>
    readContract(client, { address: hub, abi: assayHubAbi, functionName: "balanceOf", args: [account] }),
  );
}
