// SPDX-License-Identifier: GPL-3.0-or-later
import { getContractEvents } from "viem/actions";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import type { Cluster } from "./cluster.ts";

/** Who was slashed in a job, and for what. */
export async function getSlashed(
  cluster: Cluster,
  jobId: `0x${string}`,
): Promise<{ workerId: number; offence: number }[]> {
  const events = await getContractEvents(cluster.client.public, {
    address: cluster.chain.deployment.hub,
    abi: assayHubAbi,
    eventName: "Slashed",
    args: { jobId },
    fromBlock: 0n,
    strict: true,
  });
  return events.map(({ args }) => ({ workerId: args.workerId, offence: args.offence }));
}
