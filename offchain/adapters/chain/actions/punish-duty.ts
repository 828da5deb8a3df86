// SPDX-License-Identifier: MIT
import type { ContractFunctionArgs, TransactionReceipt } from "viem";
import { workerBeaconAbi } from "../abi/worker-beacon.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof workerBeaconAbi, "nonpayable", "punish">;

export interface PunishDutyParameters {
  readonly version: Args[0];
  readonly seat: Args[1];
}

/** Fines a worker that withheld; a tenth of the fine is the sender's. Errors: REVERTED NothingWithheld, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function punishDuty(chain: Chain, parameters: PunishDutyParameters): Promise<TransactionReceipt> {
  const { version, seat } = parameters;
  return writeContract(chain, {
    address: chain.contracts.randomness,
    abi: workerBeaconAbi,
    functionName: "punish",
    args: [version, seat],
  });
}
