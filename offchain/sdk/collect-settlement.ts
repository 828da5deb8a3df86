// SPDX-License-Identifier: MIT
import { quoteEscrow } from "../core/economics.ts";
import type { ReceiptSettlement } from "../core/receipt.ts";
import { distribute, offences } from "../core/settle.ts";
import { REASON, type Reason } from "../core/settle-types.ts";
import type { Record as JobRecord, Spec } from "../core/types.ts";
import { endIndexOf, type JobTrail } from "./job-trail.ts";

/** Slashes at a job's end: 1 wrong, 2 unrevealed, 3 absent. Equivocation is proven apart from it, and pays its reporter. */
const LAST_OFFENCE = 3;

/**
 * How a job's escrow, bonds and slashes were shared out. From events: what was taken from whom, burned, paid to pokes and, where the
 * job closed, refunded. The hub emits no event for each seat's credit: those are what its rules give for what it did emit, as is the
 * requester's part of a FINAL job. None if the trail does not hold the job's end.
 */
export function collectSettlement(
  trail: JobTrail,
  job: { readonly spec: Spec; readonly record: JobRecord; readonly reason: number; readonly feeBps: number },
): readonly ReceiptSettlement[] {
  const { spec, record, reason, feeBps } = job;
  const at = endIndexOf(trail);
  const end = trail.events[at];
  if (end === undefined) return [];
  let escrow = quoteEscrow(spec, feeBps);
  let poke = 0n;
  for (const [index, event] of trail.events.slice(0, at).entries()) {
    if (event.eventName !== "PokePaid") continue;
    // The settling call tells its own poke right before the end; the pokes of earlier steps came out of the escrow.
    if (index === at - 1 && event.transactionHash === end.transactionHash) poke = event.args.amount;
    else escrow -= event.args.amount;
  }
  const slashes = trail.events.flatMap((event) =>
    event.eventName === "Slashed" && event.transactionHash === end.transactionHash && event.args.offence <= LAST_OFFENCE
      ? [event.args]
      : [],
  );
  const seats = offences(spec, record);
  // Each worker sits once in a job.
  const taken = seats.map(({ worker }) => slashes.find(({ workerId }) => workerId === worker)?.amount ?? 0n);
  const outcome = {
    reason: reason as Reason,
    seatsKnown: reason !== REASON.CANCELLED,
    poked: poke > 0n,
    feeBps,
  };
  const due = distribute(spec, record, outcome, seats, taken, escrow);
  return [
    {
      ...due,
      feeBps,
      escrow,
      taken,
      poke,
      burn: slashes.reduce((sum, { burned }) => sum + burned, 0n),
      requester: end.eventName === "Closed" ? end.args.refund : due.requester,
    },
  ];
}
