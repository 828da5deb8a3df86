// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "pick">;

export interface PickNodeParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
  readonly index: Args[1];
  readonly node: Args[2];
  readonly path: Args[3];
}
export type PickNodeReturnType = TransactionReceipt;

/** A challenger's move: the first posted node that differs from its own. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function pickNode(chain: Chain, parameters: PickNodeParameters): Promise<PickNodeReturnType> {
  const { referee, jobId, game, index, node, path } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "pick",
    args: [game, index, node, path],
    jobId,
  });
}
