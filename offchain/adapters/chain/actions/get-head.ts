// SPDX-License-Identifier: MIT
import { getBlock } from "viem/actions";
import type { Chain } from "../chain.ts";
import { toChainError } from "../decode-revert.ts";

export interface GetHeadReturnType {
  readonly number: bigint;
  /** Unix seconds. */
  readonly timestamp: bigint;
}

/** The newest block. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function getHead(chain: Pick<Chain, "client" | "errors">): Promise<GetHeadReturnType> {
  try {
    const { number, timestamp } = await getBlock(chain.client);
    return { number, timestamp };
  } catch (error) {
    throw toChainError(error, "eth_getBlockByNumber", chain.errors);
  }
}
