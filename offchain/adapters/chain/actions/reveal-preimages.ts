// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "nonpayable", "reveal">;

export interface RevealPreimagesParameters {
  readonly beat: Args[0];
  readonly seats: Args[1];
  readonly preimages: Args[2];
}

/** Brings preimages of workers on duty. Errors: REVERTED BeatClosed, OffDuty, PreimageWrong; RPC_UNAVAILABLE, TRANSACTION_*. */
export async function revealPreimages(
  chain: Chain,
  parameters: RevealPreimagesParameters,
): Promise<TransactionReceipt> {
  const { beat, seats, preimages } = parameters;
  return writeContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "reveal",
    args: [beat, seats, preimages],
  });
}
