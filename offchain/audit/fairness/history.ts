// SPDX-License-Identifier: GPL-3.0-or-later
import type { HubEvent, RegistryEvent, VaultEvent } from "../../adapters/chain/decode-events.ts";
import type { Hex } from "../../core/bytes.ts";
import type { ModelManifest, Record as JobRecord, Spec } from "../../core/types.ts";

export type HistoryEvent = HubEvent | VaultEvent | RegistryEvent;

export interface HistoricJob {
  readonly jobId: Hex;
  readonly spec: Spec;
  /** Of the ticket table that its seats are drawn from. */
  readonly version: number;
  /** As far as the chain told it. */
  record: JobRecord | null;
  /** 0 FINAL, else a REASON_ constant; null while it runs. */
  reason: number | null;
  challenges: number;
  readonly slashes: { readonly workerId: number; readonly offence: number; readonly amount: bigint }[];
}

/** What a deployment's events say of its jobs and workers. */
export interface History {
  readonly jobs: readonly HistoricJob[];
  readonly models: ReadonlyMap<Hex, ModelManifest>;
  /** The account that earns by each worker. */
  readonly owners: ReadonlyMap<number, Hex>;
  /** Tickets of the workers of a class in one version of its table; a range that began late knows those since. */
  ticketsAt(version: number, ticketClass: number): ReadonlyMap<number, number>;
}

interface TicketChange {
  readonly workerId: number;
  readonly ticketClass: number;
  readonly tickets: number;
  readonly version: number;
}

/** Joins events, in chain order. Jobs whose request lies before them are left out. */
export function joinHistory(events: readonly HistoryEvent[]): History {
  const jobs = new Map<Hex, HistoricJob>();
  const models = new Map<Hex, ModelManifest>();
  const owners = new Map<number, Hex>();
  const changes: TicketChange[] = [];
  let version = 0;
  for (const event of events) {
    if (event.eventName === "EpochAdvanced") version = event.args.version;
    else if (event.eventName === "TicketsChanged") changes.push(event.args);
    else if (event.eventName === "WorkerRegistered") owners.set(event.args.workerId, event.args.owner);
    else if (event.eventName === "ModelRegistered") models.set(event.args.modelId, event.args.manifest);
    else if (event.eventName === "JobRequested") {
      const { jobId, spec } = event.args;
      jobs.set(jobId, { jobId, spec, version, record: null, reason: null, challenges: 0, slashes: [] });
    } else addToJob(jobs, event);
  }
  return {
    jobs: [...jobs.values()],
    models,
    owners,
    ticketsAt: (at, ticketClass) => {
      const held = new Map<number, number>();
      for (const change of changes)
        if (change.ticketClass === ticketClass && change.version <= at) held.set(change.workerId, change.tickets);
      return new Map([...held].filter(([, tickets]) => tickets > 0));
    },
  };
}

function addToJob(jobs: ReadonlyMap<Hex, HistoricJob>, event: HistoryEvent): void {
  const job = "jobId" in event.args ? jobs.get(event.args.jobId) : undefined;
  if (job === undefined) return;
  if ("record" in event.args) job.record = event.args.record;
  if (event.eventName === "Finalized") job.reason = 0;
  else if (event.eventName === "Closed") job.reason = event.args.reason;
  else if (event.eventName === "Challenged") job.challenges++;
  else if (event.eventName === "Slashed") job.slashes.push(event.args);
}
