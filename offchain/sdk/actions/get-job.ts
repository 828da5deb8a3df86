// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { checked } from "../checked.ts";
import { SdkError } from "../errors.ts";
import type { JobSlash, JobState, JobView } from "../job-view.ts";

export interface GetJobParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  /** First block to search, the request's or the deployment's; 0 by default. */
  readonly fromBlock?: bigint | undefined;
}
export type GetJobReturnType = JobView;

const STATES: readonly JobState[] = ["NONE", "OPEN", "PROPOSED", "HUNG", "WINDOW", "FINAL", "CLOSED"];
const REASONS = ["", "CANCELLED", "EXPIRED", "INPUT_UNAVAILABLE", "UNRESOLVED"];

/**
 * A job as the chain tells it: what was asked, where it stands, how it ended, who was slashed.
 * Errors: JOB_UNKNOWN; RPC_UNAVAILABLE.
 *
 * @example
 * const job = await getJob(client, { hub, jobId });
 * if (job.state === "FINAL") console.log(job.outDigest);
 */
export async function getJob(client: Client, parameters: GetJobParameters): Promise<GetJobReturnType> {
  const { hub, jobId, fromBlock = 0n } = parameters;
  const filter = { address: hub, abi: assayHubAbi, fromBlock, toBlock: "latest", strict: true } as const;
  const [slot, requested, pinned, finalized, closed, slashed] = await checked("getJob", async () =>
    Promise.all([
      readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [jobId] }),
      getContractEvents(client, { ...filter, eventName: "JobRequested", args: { jobId } }),
      getContractEvents(client, { ...filter, eventName: "Pinned", args: { jobId } }),
      getContractEvents(client, { ...filter, eventName: "Finalized", args: { jobId } }),
      getContractEvents(client, { ...filter, eventName: "Closed", args: { jobId } }),
      getContractEvents(client, { ...filter, eventName: "Slashed", args: { jobId } }),
    ]),
  );
  const request = requested[0];
  if (request === undefined) throw new SdkError("JOB_UNKNOWN", { jobId });
  const end = finalized[0];
  const close = closed[0];
  const slashes: JobSlash[] = slashed.map(({ args }) => ({
    workerId: args.workerId,
    offence: args.offence,
    amount: args.amount,
    burned: args.burned,
  }));
  return {
    jobId,
    job: { requester: request.args.requester, nonce: request.args.nonce, spec: request.args.spec },
    state: STATES[slot.state] ?? "NONE",
    stage: slot.stage,
    round: slot.round,
    deadline: slot.deadline,
    escrow: slot.escrow,
    requestBlock: request.blockNumber,
    requestHash: request.transactionHash,
    committees: pinned.map(({ args }) => ({ stage: args.stage, round: args.round, seats: args.seats })),
    outDigest: end?.args.outDigest ?? null,
    recordHash: end?.args.recordHash ?? null,
    closedReason: close === undefined ? null : (REASONS[close.args.reason] ?? "UNKNOWN"),
    refund: close?.args.refund ?? null,
    endHash: end?.transactionHash ?? close?.transactionHash ?? null,
    endBlock: end?.blockNumber ?? close?.blockNumber ?? null,
    slashes,
  };
}
