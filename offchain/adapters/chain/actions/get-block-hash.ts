// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { getBlock } from "viem/actions";
import type { Chain } from "../chain.ts";
import { toChainError } from "../decode-revert.ts";

export interface GetBlockHashParameters {
  readonly blockNumber: bigint;
}

/** Errors: RPC_UNAVAILABLE, RPC_REJECTED (no such block). */
export async function getBlockHash(
  chain: Pick<Chain, "client" | "errors">,
  { blockNumber }: GetBlockHashParameters,
): Promise<Hex> {
  try {
    return (await getBlock(chain.client, { blockNumber })).hash;
  } catch (error) {
    throw toChainError(error, "eth_getBlockByNumber", chain.errors);
  }
}
