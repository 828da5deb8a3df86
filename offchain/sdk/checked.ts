// SPDX-License-Identifier: MIT
import { deploymentErrors } from "../adapters/chain/create-chain.ts";
import { toChainError } from "../adapters/chain/decode-revert.ts";
import { isAssayError } from "../core/errors.ts";

/** Runs a call; what it throws becomes a typed error with the Solidity name and arguments of a revert. */
export async function checked<T>(call: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw toChainError(error, call, deploymentErrors);
  }
}

/** Whether an error is a revert with this Solidity error. */
export const isRevert = (error: unknown, name: string): boolean =>
  isAssayError(error) && error.code === "REVERTED" && error.meta["name"] === name;
