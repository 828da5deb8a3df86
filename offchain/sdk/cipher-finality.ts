// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import type { FinalityPort } from "../engines/she/client/cipher-session.ts";
import { checked } from "./checked.ts";

/**
 * What a job ended with, by its hub: the digest of `Finalized`, if the hub itself holds it to be FINAL. So neither
 * another's log nor a vote that may still be overturned opens a ciphertext. Error of the port: RPC_UNAVAILABLE.
 */
export function cipherFinality(
  client: Client,
  { hub, fromBlock = 0n }: { readonly hub: Address; readonly fromBlock?: bigint | undefined },
): FinalityPort {
  return {
    async finalDigestOf(jobId: Hex): Promise<Hex | undefined> {
      const hubAbi = { address: hub, abi: assayHubAbi } as const;
      const [end] = await checked("finality", async () =>
        getContractEvents(client, { ...hubAbi, eventName: "Finalized", args: { jobId }, fromBlock, strict: true }),
      );
      if (end === undefined) return undefined;
      const { outDigest, recordHash } = end.args;
      const isFinal = await checked("finality", async () =>
        readContract(client, { ...hubAbi, functionName: "verifyResult", args: [jobId, outDigest, recordHash] }),
      );
      return isFinal ? outDigest : undefined;
    },
  };
}
