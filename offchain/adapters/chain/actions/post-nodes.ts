// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "post">;

export interface PostNodesParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
  readonly nodes: Args[1];
}
export type PostNodesReturnType = TransactionReceipt;

/** A defender's move: the nodes below the agreed one, or a row's chunk hashes. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function postNodes(chain: Chain, parameters: PostNodesParameters): Promise<PostNodesReturnType> {
  const { referee, jobId, game, nodes } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "post",
    args: [game, nodes],
    jobId,
  });
}
