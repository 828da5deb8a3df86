// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { fromHex } from "../core/bytes.ts";
import { publicDigest } from "../core/digest.ts";
import { decodeTensor } from "../core/tensor.ts";
import type { FetchResultReturnType } from "./actions/fetch-result.ts";
import { SdkError } from "./errors.ts";
import { decodeCall } from "./job-trail.ts";
import { readTrail } from "./read-trail.ts";

/**
 * The output of a job of class T: it is public, and whoever counted its committee showed the hub its bytes. Error: RESULT_UNAVAILABLE
 * where the calldata cannot be read, as of a count that another contract sent.
 */
export async function readDelivered(
  client: Client,
  { hub, jobId, outDigest, fromBlock }: { hub: Address; jobId: Hex; outDigest: Hex; fromBlock: bigint },
): Promise<FetchResultReturnType> {
  const trail = await readTrail(client, hub, jobId, fromBlock);
  for (const event of trail.events) {
    if (event.eventName !== "StageTallied") continue;
    const hash = event.transactionHash;
    const counted = decodeCall(trail, hash, "submitSketches") ?? decodeCall(trail, hash, "tallySketches");
    if (counted === null || counted[4].output === "0x") continue;
    const outputBytes = fromHex(counted[4].output);
    if (publicDigest(outputBytes) !== outDigest.toLowerCase()) continue;
    const output = decodeTensor(outputBytes);
    const seat = event.args.record.tallies.at(-1)?.seats[counted[4].seat] ?? 0;
    return { output, outputs: [output], outputBytes, salt: undefined, workerId: seat };
  }
  throw new SdkError("RESULT_UNAVAILABLE", { jobId });
}
