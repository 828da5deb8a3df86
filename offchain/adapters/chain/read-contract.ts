// SPDX-License-Identifier: MIT
import type {
  Abi,
  ContractFunctionArgs,
  ContractFunctionName,
  ContractFunctionReturnType,
  ReadContractParameters,
} from "viem";
import { readContract as read } from "viem/actions";
import type { Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";

/** One `eth_call`, typed by the ABI; failures become this module's errors. */
export async function readContract<
  const A extends Abi,
  N extends ContractFunctionName<A, "pure" | "view">,
  const P extends ContractFunctionArgs<A, "pure" | "view", N>,
>(
  chain: Pick<Chain, "client" | "errors">,
  call: ReadContractParameters<A, N, P>,
): Promise<ContractFunctionReturnType<A, "pure" | "view", N, P>> {
  try {
    return await read(chain.client, call);
  } catch (error) {
    throw toChainError(error, call.functionName, chain.errors);
  }
}
