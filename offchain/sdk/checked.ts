// SPDX-License-Identifier: MIT
import type { Abi } from "viem";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { modelRegistryAbi } from "../adapters/chain/abi/model-registry.ts";
import { stakeVaultAbi } from "../adapters/chain/abi/stake-vault.ts";
import { blockSeedAbi } from "../adapters/chain/abi/block-seed.ts";
import { protocolParamsAbi } from "../adapters/chain/abi/protocol-params.ts";
import { toChainError } from "../adapters/chain/decode-revert.ts";

// The hub passes on what the contracts behind it revert with, so all their errors must be readable.
const abi: Abi = [...assayHubAbi, ...modelRegistryAbi, ...stakeVaultAbi, ...blockSeedAbi, ...protocolParamsAbi].filter(
  (entry) => entry.type === "error",
);

/** Runs a call; what it throws becomes a typed error with the Solidity name and arguments of a revert. */
export async function checked<T>(call: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw toChainError(error, call, abi);
  }
}
