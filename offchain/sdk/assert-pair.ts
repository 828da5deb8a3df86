// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { CANDIDATES } from "../core/draw.ts";
import type { Spec } from "../core/types.ts";
import { lackOfPair, type PairCandidate } from "./choose-pair.ts";
import { SdkError } from "./errors.ts";
import { findEnclaves, readEnclaveRegistry, type EnclaveTrust, type FoundEnclave } from "./find-enclaves.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";

/** Why an enclave makes no critical result of a job that lasts until `expiry`; undefined if it may. */
export function unfitFor({ criticalUntil, family }: FoundEnclave, expiry: number): string | undefined {
  if (family === "other") return "no vendor family of critical jobs signs for it";
  return criticalUntil > expiry ? undefined : "its registration is too old for a critical job, or not up to date";
}

/**
 * Whether any pair at all could answer a critical job of this model, before somebody pays for one. Who will be its candidates nobody
 * knows yet. Errors: PAIR_MISSING; NOT_SUPPORTED where the hub judges no enclaves; RPC_UNAVAILABLE.
 */
export async function assertPair(
  client: Client,
  query: {
    readonly hub: Address;
    readonly spec: Spec;
    readonly trust?: EnclaveTrust | undefined;
    readonly fromBlock?: bigint | undefined;
  },
): Promise<void> {
  const { hub, spec, trust, fromBlock = 0n } = query;
  const { modelId, policy, expiry } = spec;
  const registry = await readEnclaveRegistry(client, hub);
  const events = await registeredEnclaves(client, { registry, args: { modelId }, fromBlock });
  const workers = [...new Set(events.toReversed().map(({ args }) => args.worker))];
  const fit: Pick<PairCandidate, "enclave">[] = [];
  // The newest first: most of the time the first few are enough.
  for (let at = 0; at < workers.length; at += CANDIDATES) {
    const some = workers.slice(at, at + CANDIDATES);
    const { found } = await findEnclaves(client, { hub, modelId, workers: some, until: expiry, trust, fromBlock });
    for (const enclave of found.values()) if (unfitFor(enclave, expiry) === undefined) fit.push({ enclave });
    if (lackOfPair(fit, policy.k) === undefined) return;
  }
  const missing = lackOfPair(fit, policy.k);
  if (missing !== undefined) throw new SdkError("PAIR_MISSING", { who: "The workers of this model", missing });
}
