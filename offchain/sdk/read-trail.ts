// SPDX-License-Identifier: MIT
import { decodeFunctionData, parseEventLogs, type Address, type Client, type Hex } from "viem";
import { getChainId, getLogs, getTransaction } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { jobId as jobIdOf } from "../core/job.ts";
import { checked } from "./checked.ts";
import type { JobTrail } from "./job-trail.ts";

/** A job's events and the calls behind them. Error: RPC_UNAVAILABLE. */
export async function readTrail(client: Client, hub: Address, jobId: Hex, fromBlock: bigint): Promise<JobTrail> {
  const logs = await checked("getLogs", async () => getLogs(client, { address: hub, fromBlock, toBlock: "latest" }));
  const all = parseEventLogs({ abi: assayHubAbi, logs, strict: true });
  const events = all.filter(({ args }) => "jobId" in args && args.jobId === jobId);
  const undone = new Set(
    all.flatMap((one) => (one.eventName === "CallFailed" ? [`${one.transactionHash} ${one.args.index}`] : [])),
  );
  const hashes = [...new Set(events.map(({ transactionHash }) => transactionHash))];
  const calldata = await Promise.all(
    hashes.map(async (hash): Promise<[Hex, Hex]> => {
      const { input } = await checked("getTransaction", async () => getTransaction(client, { hash }));
      const bundle = bundleIn(input);
      if (bundle === null) return [hash, input];
      const chainId = BigInt(await checked("getChainId", async () => getChainId(client)));
      const own = bundle.filter(
        (call, i) => !undone.has(`${hash} ${i}`) && jobIn(call, { chainId, hub: hubOf(hub) }) === jobId,
      );
      // Two calls for one job: which made which event cannot be told. Workers never send that.
      return [hash, own.length === 1 ? (own[0] ?? "0x") : input];
    }),
  );
  return { events, calldata: new Map(calldata) };
}

const hubOf = (hub: Address): Hex => `0x${hub.slice(2).toLowerCase()}`;

/** The calls that a transaction makes as one, or null. */
function bundleIn(input: Hex): readonly Hex[] | null {
  try {
    const { functionName, args } = decodeFunctionData({ abi: assayHubAbi, data: input });
    return functionName === "submitMany" ? args[0] : null;
  } catch {
    return null;
  }
}

/** The job that a call is about, if that is its first argument. */
function jobIn(data: Hex, deployment: { readonly chainId: bigint; readonly hub: Hex }): Hex | null {
  try {
    const [job] = decodeFunctionData({ abi: assayHubAbi, data }).args ?? [];
    return typeof job === "object" && "spec" in job ? jobIdOf(deployment, job) : null;
  } catch {
    return null;
  }
}
