// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "nonpayable", "registerChain">;

export interface RegisterChainParameters {
  readonly workerId: Args[0];
  /** Head of a hash chain made by `beaconChain` of core. */
  readonly head: Args[1];
}

/** Registers what the worker will reveal from the next table version on. Owner or signer. Errors: REVERTED ChainBusy (later), NotWorker; RPC_UNAVAILABLE, TRANSACTION_*. */
export async function registerChain(chain: Chain, parameters: RegisterChainParameters): Promise<TransactionReceipt> {
  const { workerId, head } = parameters;
  return writeContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "registerChain",
    args: [workerId, head],
  });
}
