// SPDX-License-Identifier: MIT
import type { Address, ContractFunctionArgs, Hex, TransactionReceipt } from "viem";
import { cipherRefereeAbi } from "../abi/cipher-referee.ts";
import { writeContract, type Chain } from "../chain.ts";

type Args = ContractFunctionArgs<typeof cipherRefereeAbi, "nonpayable", "defend">;

export interface DefendDigestParameters {
  readonly referee: Address;
  /** For the journal and logs. */
  readonly jobId: Hex;
  readonly job: Args[0];
  readonly record: Args[1];
  readonly table: Args[2];
  readonly stage: Args[3];
  readonly facts: Args[4];
  readonly commitment: Args[5];
}
export type DefendDigestReturnType = TransactionReceipt;

/** Stands for a stage's digest with the trace that leads to it; the referee takes the job's seat stake from the account's tokens. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function defendDigest(chain: Chain, parameters: DefendDigestParameters): Promise<DefendDigestReturnType> {
  const { referee, jobId, job, record, table, stage, facts, commitment } = parameters;
  return writeContract(chain, {
    address: referee,
    abi: cipherRefereeAbi,
    functionName: "defend",
    args: [job, record, table, stage, facts, commitment],
    jobId,
  });
}
