// SPDX-License-Identifier: MIT
import type { Client, Hex } from "viem";
import { fromHex } from "../core/bytes.ts";
import { jobTable } from "../core/network-part.ts";
import { admittedEnclaves } from "../core/planning/enclave-plan.ts";
import type { EnclaveSchedule, Receipt } from "../core/receipt.ts";
import type { ModelManifest } from "../core/types.ts";
import { plannedEnclave } from "../core/verify-schedule.ts";
import type { CollectEnclavesParameters } from "./collect-enclaves.ts";
import { readEnclaveRegistry } from "./find-enclaves.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";

export interface CollectScheduleParameters extends CollectEnclavesParameters {
  readonly manifest: ModelManifest;
  /** Signing address of each candidate. */
  readonly signers: ReadonlyMap<number, Hex>;
}

/**
 * The plans that the chain was told about a job whose stages enclaves shared, and the registrations that the first was made from. Events
 * alone: an old state is not needed. Which of the enclaves the client admitted, its plan's own hash says. Error: RPC_UNAVAILABLE.
 */
export async function collectSchedule(
  client: Client,
  parameters: CollectScheduleParameters,
): Promise<Receipt["schedule"]> {
  const { jobId, job, trail, manifest } = parameters;
  const told = trail.events.flatMap((event) => (event.eventName === "Scheduled" ? [event] : []));
  const [first] = told;
  if (first === undefined) return [{ plans: [], candidates: [] }];
  const plans = told.map(({ args }) => args.plan);
  const all = await readCandidates(client, parameters, first.blockNumber - 1n);
  const one = { jobId, table: jobTable(manifest), expiry: job.spec.expiry };
  const admitted = admittedEnclaves(one, all.map(plannedEnclave), fromHex(first.args.plan));
  return [{ plans, candidates: all.filter(({ key }) => admitted.some((planned) => planned.key === key)) }];
}

/** Each candidate's newest enclave that serves the model until the job is over. */
async function readCandidates(
  client: Client,
  { hub, job, record, signers, fromBlock }: CollectScheduleParameters,
  toBlock: bigint,
): Promise<EnclaveSchedule["candidates"]> {
  const { modelId, expiry: until } = job.spec;
  const registry = await readEnclaveRegistry(client, hub);
  const events = await registeredEnclaves(client, {
    registry,
    args: { worker: [...signers.values()], modelId },
    fromBlock,
    toBlock,
  });
  return record.seats.flatMap((workerId) => {
    const worker = signers.get(workerId)?.toLowerCase();
    const newest = events.findLast(({ args }) => args.worker.toLowerCase() === worker && args.enclave.expiry >= until);
    if (newest === undefined) return [];
    const { key, enclave } = newest.args;
    const { vendor, status, expiry } = enclave;
    return [{ workerId, key, vendor, status, expiry }];
  });
}
