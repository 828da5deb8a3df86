// SPDX-License-Identifier: MIT
import { FLAG_STANDBY, SAID_ABSENT, type Job, type Record } from "./types.ts";

/** Whether the absent seats of the stage under way may still be filled again (`HubRecords._hasStandbys`). */
export function hasStandbys(
  { spec }: Job,
  { tallies }: Pick<Record, "tallies">,
  slot: { readonly stage: number; readonly round: number },
): boolean {
  return (spec.policy.flags & FLAG_STANDBY) !== 0 && slot.round === 0 && tallies.at(-1)?.stage !== slot.stage;
}

/**
 * Indexes of the tallies of seats that were filled again: first ones of their stage, of workers who sit no more. All were absent.
 */
export function standbyTallies(
  { spec }: Pick<Job, "spec">,
  { seats, tallies }: Pick<Record, "seats" | "tallies">,
): ReadonlySet<number> {
  const found = new Set<number>();
  if ((spec.policy.flags & FLAG_STANDBY) === 0) return found;
  for (const [at, { stage, round, seats: absent, said }] of tallies.entries()) {
    const isFirst = tallies.findIndex((other) => other.stage === stage) === at;
    const areGone = absent.length > 0 && absent.every((id) => !seats.includes(id));
    if (round === 0 && isFirst && areGone && said.every((word) => word === SAID_ABSENT)) found.add(at);
  }
  return found;
}
