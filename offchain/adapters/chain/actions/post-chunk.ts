// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "postChunk">;

export interface PostChunkParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly game: Args[0];
  readonly chunk: Args[1];
}
export type PostChunkReturnType = TransactionReceipt;

/** A defender's move: the chunk behind the agreed hash. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function postChunk(chain: Chain, parameters: PostChunkParameters): Promise<PostChunkReturnType> {
  const { referee, jobId, game, chunk } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "postChunk",
    args: [game, chunk],
    jobId,
  });
}
