// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getBlockNumber, getContractEvents } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { checked } from "../checked.ts";

export interface WatchJobsParameters {
  readonly hub: Address;
  /** Called with events in chain order, at least once each: keep handlers idempotent. */
  readonly onEvents: (events: readonly JobEvent[]) => void;
  /** Failures to reach the chain; watching goes on. */
  readonly onError?: (error: unknown) => void;
  /** Only this job. */
  readonly jobId?: Hex | undefined;
  /** First block; the next one by default. */
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
}
/** Stops watching. */
export type WatchJobsReturnType = () => void;

type HubEvents = Awaited<ReturnType<typeof readEvents>>;
export type JobEvent = HubEvents[number];

/**
 * Follows the hub's events by polling, which works with every endpoint and survives its outages without gaps.
 *
 * @example
 * const stop = watchJobs(client, { hub, onEvents: (events) => events.forEach((event) => console.log(event.eventName)) });
 */
export function watchJobs(client: Client, parameters: WatchJobsParameters): WatchJobsReturnType {
  const { hub, onEvents, onError, jobId, pollMs = 1000 } = parameters;
  let next = parameters.fromBlock;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const round = async (): Promise<void> => {
    try {
      const head = await checked("blockNumber", async () => getBlockNumber(client, { cacheTime: 0 }));
      next ??= head + 1n;
      if (next <= head) {
        const events = await readEvents(client, hub, next, head);
        next = head + 1n;
        const wanted =
          jobId === undefined ? events : events.filter(({ args }) => "jobId" in args && args.jobId === jobId);
        if (!stopped && wanted.length > 0) onEvents(wanted);
      }
    } catch (error) {
      onError?.(error);
    }
    if (!stopped) timer = setTimeout(() => void round(), pollMs);
  };
  void round();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

async function readEvents(client: Client, hub: Address, fromBlock: bigint, toBlock: bigint) {
  return checked("getLogs", async () =>
    getContractEvents(client, { address: hub, abi: assayHubAbi, fromBlock, toBlock, strict: true }),
  );
}
