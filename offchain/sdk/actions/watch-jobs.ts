// SPDX-License-Identifier: MIT
import { formatLog, numberToHex, parseEventLogs, type Address, type Client, type Hex } from "viem";
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
  /** Stops watching, like the function returned. */
  readonly signal?: AbortSignal | undefined;
}
/** Stops watching. */
export type WatchJobsReturnType = () => void;

type HubEvents = Awaited<ReturnType<typeof readEvents>>;
export type JobEvent = HubEvents[number];

/**
 * Follows the hub's events by polling, which works with every endpoint and survives its outages without gaps. Once stopped nothing of
 * it keeps the process alive: a request under way is broken off.
 *
 * @example
 * const stop = watchJobs(client, { hub, onEvents: (events) => events.forEach((event) => console.log(event.eventName)) });
 */
export function watchJobs(client: Client, parameters: WatchJobsParameters): WatchJobsReturnType {
  const { hub, onEvents, onError, jobId, pollMs = 1000 } = parameters;
  const stop = new AbortController();
  const { signal } = stop;
  let next = parameters.fromBlock;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const round = async (): Promise<void> => {
    try {
      const head = BigInt(
        await checked("blockNumber", async () => client.request({ method: "eth_blockNumber" }, { signal })),
      );
      next ??= head + 1n;
      if (next <= head) {
        const events = await readEvents(client, { hub, fromBlock: next, toBlock: head, signal });
        next = head + 1n;
        const wanted =
          jobId === undefined ? events : events.filter(({ args }) => "jobId" in args && args.jobId === jobId);
        if (!signal.aborted && wanted.length > 0) onEvents(wanted);
      }
    } catch (error) {
      if (!signal.aborted) onError?.(error);
    }
    if (!signal.aborted) timer = setTimeout(() => void round(), pollMs);
  };
  const end = (): void => {
    stop.abort();
    clearTimeout(timer);
    parameters.signal?.removeEventListener("abort", end);
  };
  if (parameters.signal?.aborted === true) return () => {};
  parameters.signal?.addEventListener("abort", end);
  void round();
  return end;
}

interface EventQuery {
  readonly hub: Address;
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
  readonly signal: AbortSignal;
}

async function readEvents(client: Client, { hub, fromBlock, toBlock, signal }: EventQuery) {
  const filter = { address: hub, fromBlock: numberToHex(fromBlock), toBlock: numberToHex(toBlock) };
  const logs = await checked("getLogs", async () =>
    client.request({ method: "eth_getLogs", params: [filter] }, { signal }),
  );
  return parseEventLogs({ abi: assayHubAbi, logs: logs.map((log) => formatLog(log)), strict: true });
}
