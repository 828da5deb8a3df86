// SPDX-License-Identifier: MIT
import type { TransactionReceipt } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import { writeContract, type Chain } from "../chain.ts";

/** Draws the duty that was summoned. Anyone. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function seatDuty(chain: Chain): Promise<TransactionReceipt> {
  return writeContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "seat",
    args: [],
  });
}
