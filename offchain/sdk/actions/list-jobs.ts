// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { STATE_NAMES } from "../../core/types.ts";
import { checked } from "../checked.ts";
import type { JobState } from "../job-view.ts";

export interface ListJobsParameters {
  readonly hub: Address;
  readonly requester?: Address | undefined;
  readonly modelId?: Hex | undefined;
  /** Newest so many; 100 by default. */
  readonly limit?: number | undefined;
  readonly fromBlock?: bigint | undefined;
}
export interface ListedJob {
  readonly jobId: Hex;
  readonly requester: Address;
  readonly modelId: Hex;
  readonly state: JobState;
  readonly requestBlock: bigint;
}
export type ListJobsReturnType = readonly ListedJob[];

/**
 * Jobs of this hub, newest first, with their present state.
 *
 * @example
 * const mine = await listJobs(client, { hub, requester: account.address });
 */
export async function listJobs(client: Client, parameters: ListJobsParameters): Promise<ListJobsReturnType> {
  const { hub, requester, modelId, limit = 100, fromBlock = 0n } = parameters;
  const events = await checked("JobRequested", async () =>
    getContractEvents(client, {
      address: hub,
      abi: assayHubAbi,
      eventName: "JobRequested",
      args: {
        ...(requester === undefined ? {} : { requester }),
        ...(modelId === undefined ? {} : { modelId }),
      },
      fromBlock,
      toBlock: "latest",
      strict: true,
    }),
  );
  const newest = events.toReversed().slice(0, limit);
  return Promise.all(
    newest.map(async ({ args, blockNumber }) => {
      const slot = await checked("slot", async () =>
        readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [args.jobId] }),
      );
      return {
        jobId: args.jobId,
        requester: args.requester,
        modelId: args.modelId,
        state: STATE_NAMES[slot.state] ?? "NONE",
        requestBlock: blockNumber,
      };
    }),
  );
}
