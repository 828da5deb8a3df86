// SPDX-License-Identifier: GPL-3.0-or-later
// The sample of draws that both languages make and whose fairness is tested.
import { drawSeats } from "../../offchain/core/draw.ts";
import { taggedHash, toWord } from "../../offchain/core/tagged-hash.ts";

export const SAMPLE = {
  draws: 10_000,
  seats: 5,
  tickets: [1, 2, 4, 4, 4, 5, 7, 8, 12, 16, 25, 32, 48, 64, 64, 64],
} as const;

/** Every draw's worker ids, in seat order. */
export function sampleDraws(): number[][] {
  const cells = SAMPLE.tickets.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
  return Array.from({ length: SAMPLE.draws }, (_, draw) =>
    drawSeats({
      cellAt: (i) => cells[i] ?? 0,
      length: cells.length,
      ticketClass: 0,
      seed: taggedHash("sample", [toWord(draw)]),
      excluded: [],
      n: SAMPLE.seats,
    }),
  );
}

/** Pearson's statistic of counts against what was expected. */
export function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - (expected[i] ?? 0)) ** 2 / (expected[i] ?? 0), 0);
}
