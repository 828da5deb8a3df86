// SPDX-License-Identifier: MIT
import { formatLog, getAbiItem, numberToHex, parseEventLogs } from "viem";
import { getBlockNumber, getLogs } from "viem/actions";
import type { Job, Record as JobRecord } from "../../core/types.ts";
import { assayHubAbi } from "./abi/assay-hub.ts";
import type { Chain } from "./chain.ts";
import { decodeEvents } from "./decode-events.ts";
import { toChainError } from "./decode-revert.ts";

type Hex = `0x${string}`;
type Reader = Pick<Chain, "client" | "contracts" | "errors">;

export interface FoundJob {
  readonly job: Job;
  /** Where it was requested. */
  readonly blockNumber: bigint;
}

const REQUESTED = getAbiItem({ abi: assayHubAbi, name: "JobRequested" });

/** A job by its id: newest blocks first, for jobs live a week at most. Null: not requested since `fromBlock`. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function findJob(
  chain: Reader,
  { jobId, fromBlock, maxRange }: { readonly jobId: Hex; readonly fromBlock: bigint; readonly maxRange: bigint },
): Promise<FoundJob | null> {
  try {
    for (let to = await getBlockNumber(chain.client, { cacheTime: 0 }); to >= fromBlock; to -= maxRange) {
      const from = to - maxRange + 1n > fromBlock ? to - maxRange + 1n : fromBlock;
      const query = { address: chain.contracts.hub, event: REQUESTED, args: { jobId }, fromBlock: from, toBlock: to };
      const logs = await getLogs(chain.client, query);
      const [found] = parseEventLogs({ abi: assayHubAbi, eventName: "JobRequested", logs });
      if (found === undefined) continue;
      const { requester, nonce, spec } = found.args;
      return { job: { requester, nonce, spec }, blockNumber: found.blockNumber };
    }
    return null;
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}

/** The record that the hub told last about a job; null before the first. The caller compares its hash with the slot's word. Errors: RPC_UNAVAILABLE, RPC_REJECTED. */
export async function latestRecord(
  chain: Reader,
  { jobId, fromBlock, maxRange }: { readonly jobId: Hex; readonly fromBlock: bigint; readonly maxRange: bigint },
): Promise<JobRecord | null> {
  try {
    for (let to = await getBlockNumber(chain.client, { cacheTime: 0 }); to >= fromBlock; to -= maxRange) {
      const from = to - maxRange + 1n > fromBlock ? to - maxRange + 1n : fromBlock;
      const query = {
        address: chain.contracts.hub,
        topics: [null, jobId],
        fromBlock: numberToHex(from),
        toBlock: numberToHex(to),
      };
      const logs = await chain.client.request({ method: "eth_getLogs", params: [query] });
      const { hub } = decodeEvents(
        chain.contracts,
        logs.map((log) => formatLog(log)),
      );
      const told = hub.flatMap((event) => ("record" in event.args ? [event.args.record] : []));
      const last = told.at(-1);
      if (last !== undefined) return last;
    }
    return null;
  } catch (error) {
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}
