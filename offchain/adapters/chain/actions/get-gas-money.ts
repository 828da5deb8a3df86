// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import { getBalance } from "viem/actions";
import type { Chain } from "../chain.ts";
import { toChainError } from "../decode-revert.ts";

export interface GetGasMoneyParameters {
  readonly account: Address;
}

/** The chain's own coin of an account, wei. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function getGasMoney(chain: Chain, { account }: GetGasMoneyParameters): Promise<bigint> {
  return getBalance(chain.client, { address: account }).catch((error: unknown) => {
    throw toChainError(error, "eth_getBalance", chain.errors);
  });
}
