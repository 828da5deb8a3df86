// SPDX-License-Identifier: MIT
import type { TransactionReceipt } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import { writeContract, type Chain } from "../chain.ts";

/** Asks for the beat that draws the current version's duty, or fills its empty seats. Anyone. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function summonDuty(chain: Chain): Promise<TransactionReceipt> {
  return writeContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "summon",
    args: [],
  });
}
