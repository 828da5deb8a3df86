// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "crown">;

export interface CrownDefenceParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly defence: Args[0];
}
export type CrownDefenceReturnType = TransactionReceipt;

/** Names an undefeated defender as the one to be paid, where the one named before was defeated; anyone may. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function crownDefence(chain: Chain, parameters: CrownDefenceParameters): Promise<CrownDefenceReturnType> {
  const { referee, jobId, defence } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "crown",
    args: [defence],
    jobId,
  });
}
