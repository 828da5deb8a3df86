// SPDX-License-Identifier: GPL-3.0-or-later
import { ticketChangesIn } from "../../adapters/chain/read-past.ts";
import type { Hex } from "../../core/bytes.ts";
import type { HistoryEvent } from "../fairness/history.ts";
import type { RecordedChain } from "./replay-blocks.ts";

/** Cells of every class' table, by version: whose ticket each is. */
export interface TicketTables {
  cellsAt(version: number, ticketClass: number): readonly number[];
}

/**
 * The ticket tables, from the transactions that changed them and the rules of TicketTable.sol, without the contract: added cells go to the
 * end, a removed one is filled with the last, and changes are read from the next version on.
 */
export function rebuildTables(recorded: RecordedChain, vault: Hex, events: readonly HistoryEvent[]): TicketTables {
  const live = new Map<number, number[]>();
  const versions = new Map<number, ReadonlyMap<number, readonly number[]>>();
  const epochs = new Map<Hex, number>();
  for (const event of events)
    if (event.eventName === "EpochAdvanced") epochs.set(event.transactionHash, event.args.version);
  for (const { ok, opened } of recorded.transactions) {
    const version = epochs.get(opened.hash);
    if (version !== undefined) versions.set(version, new Map([...live].map(([id, cells]) => [id, [...cells]])));
    if (!ok || opened.to !== vault.toLowerCase()) continue;
    for (const { workerId, ticketClass, add, remove } of ticketChangesIn(opened.input)) {
      const cells = live.get(ticketClass) ?? [];
      live.set(ticketClass, cells);
      for (const index of remove) {
        const last = cells.pop() ?? 0;
        if (index < cells.length) cells[index] = last;
      }
      for (let i = 0; i < add; i++) cells.push(workerId);
    }
  }
  return { cellsAt: (version, ticketClass) => versions.get(version)?.get(ticketClass) ?? [] };
}
