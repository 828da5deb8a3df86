// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "pickResidue">;

export interface PickResidueParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
  readonly index: Args[1];
}
export type PickResidueReturnType = TransactionReceipt;

/** A challenger's move: a residue of the chunk. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function pickResidue(chain: Chain, parameters: PickResidueParameters): Promise<PickResidueReturnType> {
  const { referee, jobId, game, index } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "pickResidue",
    args: [game, index],
    jobId,
  });
}
