// SPDX-License-Identifier: MIT
import { getBlock } from "viem/actions";
import type { Chain } from "../chain.ts";
import { toChainError } from "../decode-revert.ts";

const TIP = 1_000_000_000n;

/** What this adapter's transactions offer for a unit of gas now, before any cap, wei. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function getGasPrice(chain: Pick<Chain, "client" | "errors">): Promise<bigint> {
  const { baseFeePerGas } = await getBlock(chain.client).catch((error: unknown) => {
    throw toChainError(error, "eth_getBlockByNumber", chain.errors);
  });
  return 2n * (baseFeePerGas ?? 0n) + TIP;
}
