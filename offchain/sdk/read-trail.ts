// SPDX-License-Identifier: MIT
import { parseEventLogs, type Address, type Client, type Hex } from "viem";
import { getLogs, getTransaction } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { checked } from "./checked.ts";
import type { JobTrail } from "./job-trail.ts";

/** A job's events and the calldata behind them. Error: RPC_UNAVAILABLE. */
export async function readTrail(client: Client, hub: Address, jobId: Hex, fromBlock: bigint): Promise<JobTrail> {
  const logs = await checked("getLogs", async () => getLogs(client, { address: hub, fromBlock, toBlock: "latest" }));
  const events = parseEventLogs({ abi: assayHubAbi, logs, strict: true }).filter(
    ({ args }) => "jobId" in args && args.jobId === jobId,
  );
  const hashes = [...new Set(events.map(({ transactionHash }) => transactionHash))];
  const calldata = await Promise.all(
    hashes.map(async (hash): Promise<[Hex, Hex]> => {
      const { input } = await checked("getTransaction", async () => getTransaction(client, { hash }));
      return [hash, input];
    }),
  );
  return { events, calldata: new Map(calldata) };
}
