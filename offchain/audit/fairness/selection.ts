// SPDX-License-Identifier: GPL-3.0-or-later
import { drawSeats } from "../../core/draw.ts";
import { isAssayError } from "../../core/errors.ts";
import { COURT_ROUND } from "../../core/settle-types.ts";
import { taggedHash, toWord } from "../../core/tagged-hash.ts";
import { VOTE } from "../../core/types.ts";
import type { HistoricJob, History } from "./history.ts";

/** How often a worker was seated, and how often its tickets would have it. */
export interface Selection {
  readonly workerId: number;
  readonly seats: number;
  readonly expected: number;
  /** Distance of the two in standard deviations; 0 where nothing could vary. */
  readonly sigmas: number;
}

interface Draw {
  readonly version: number;
  readonly ticketClass: number;
  readonly seats: readonly number[];
  readonly excluded: readonly number[];
}

/** Trial draws for one expectation: its own error is below a tenth of what one committee varies by. */
const TRIALS = 400;

/**
 * Seats of voted jobs against tickets: what the hub's own draw gives on the table of that epoch, over trial seeds that are the same for
 * everyone. Placed seats (proofs, samples' primaries) follow no draw and are left out. Where a standby took a seat, it counts as drawn.
 */
export function measureSelection(history: History): Selection[] {
  const cached = new Map<string, ReadonlyMap<number, number>>();
  const sums = new Map<number, { seats: number; expected: number; variance: number }>();
  const of = (workerId: number) => {
    const sum = sums.get(workerId) ?? { seats: 0, expected: 0, variance: 0 };
    sums.set(workerId, sum);
    return sum;
  };
  for (const draw of history.jobs.flatMap(drawsOf)) {
    const key = JSON.stringify([draw.version, draw.ticketClass, draw.seats.length, draw.excluded]);
    const chances = cached.get(key) ?? chancesOf(draw, history.ticketsAt(draw.version, draw.ticketClass));
    cached.set(key, chances);
    // A table that is not known whole expects nothing, and nobody is measured by it.
    if (draw.seats.some((id) => !chances.has(id))) continue;
    for (const id of draw.seats) of(id).seats++;
    for (const [id, chance] of chances) {
      const sum = of(id);
      sum.expected += chance;
      sum.variance += chance * (1 - chance);
    }
  }
  return [...sums]
    .map(([workerId, { seats, expected, variance }]) => {
      const sigmas = variance === 0 ? 0 : (seats - expected) / Math.sqrt(variance);
      return { workerId, seats, expected, sigmas };
    })
    .toSorted((a, b) => a.workerId - b.workerId);
}

/** One for the stream that seats all stages, one for each escalation. */
function drawsOf({ spec, version, record }: HistoricJob): Draw[] {
  if (record === null || spec.policy.mask !== VOTE) return [];
  const { ticketClass } = spec.policy;
  const first = record.tallies.filter(({ round }) => round === 0).flatMap(({ seats }) => seats);
  const draws: Draw[] = first.length === 0 ? [] : [{ version, ticketClass, seats: first, excluded: [] }];
  let before = first;
  for (const { round, seats } of record.tallies) {
    if (round === 0 || round === COURT_ROUND) continue;
    draws.push({ version, ticketClass, seats, excluded: before });
    before = [...before, ...seats];
  }
  return draws;
}

/** Each worker's chance of being among this many seats. Empty if the known part of the table is too small. */
function chancesOf({ ticketClass, seats, excluded }: Draw, tickets: ReadonlyMap<number, number>): Map<number, number> {
  const cells = [...tickets].flatMap(([id, count]) => Array.from({ length: count }, () => id));
  const counts = new Map([...tickets.keys()].filter((id) => !excluded.includes(id)).map((id) => [id, 0]));
  const parameters = {
    cellAt: (i: number) => cells[i] ?? 0,
    length: cells.length,
    ticketClass,
    excluded,
    n: seats.length,
  };
  try {
    for (let trial = 0; trial < TRIALS; trial++)
      for (const id of drawSeats({ ...parameters, seed: taggedHash("assay.v1.fairness", [toWord(trial)]) }))
        counts.set(id, (counts.get(id) ?? 0) + 1 / TRIALS);
  } catch (error) {
    if (!isAssayError(error) || error.code !== "POOL_TOO_SMALL") throw error;
    return new Map();
  }
  return counts;
}
