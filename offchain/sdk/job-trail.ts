// SPDX-License-Identifier: MIT
import { decodeFunctionData, type ContractFunctionArgs, type Hex } from "viem";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import type { HubEvent } from "../adapters/chain/decode-events.ts";

/** A job's hub events in chain order, and the calls that made them. */
export interface JobTrail {
  readonly events: readonly HubEvent[];
  /** By transaction hash; of a bundle (`submitMany`) the one call for this job. */
  readonly calldata: ReadonlyMap<Hex, Hex>;
}

type HubCall =
  "open" | "submit" | "tally" | "submitSketches" | "tallySketches" | "commitMany" | "expire" | "submitProofs" | "court";
type Call<N extends HubCall> = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", N>;

/** Place of the job's `Finalized` or `Closed` among its events; -1 while it has not ended. */
export const endIndexOf = ({ events }: JobTrail): number =>
  events.findLastIndex(({ eventName }) => eventName === "Finalized" || eventName === "Closed");

/** Arguments of a transaction if it called this function of the hub directly or in a bundle, else null. */
export function decodeCall<N extends HubCall>(trail: JobTrail, hash: Hex, name: N): Call<N> | null {
  const data = trail.calldata.get(hash);
  if (data === undefined) return null;
  try {
    const call = decodeFunctionData({ abi: assayHubAbi, data });
    return call.functionName === name ? (call.args as unknown as Call<N>) : null;
  } catch {
    return null; // through another contract: the hub's events still stand
  }
}
