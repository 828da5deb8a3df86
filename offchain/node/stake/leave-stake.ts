// SPDX-License-Identifier: GPL-3.0-or-later
import { beginUnbond } from "../../adapters/chain/actions/begin-unbond.ts";
import { getEpoch } from "../../adapters/chain/actions/get-epoch.ts";
import { getTableLength } from "../../adapters/chain/actions/get-table-length.ts";
import { getTickets } from "../../adapters/chain/actions/get-tickets.ts";
import { getWorker } from "../../adapters/chain/actions/get-worker.ts";
import { withdrawStake } from "../../adapters/chain/actions/withdraw-stake.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { listHoldings } from "../../adapters/chain/list-holdings.ts";
import { hasCode } from "../../core/errors.ts";
import type { Hex } from "../../protocol/ports.ts";
import { NodeError } from "../errors.ts";
import { changeTickets, isoTime, refusedBy } from "./change-tickets.ts";

/** Cells of one read: an `eth_call` of some 4 M gas, within every endpoint's limit. */
const PAGE = 1_000;
/** Others move cells between our look and our transaction: look again this often. */
const LOOKS = 4;

/** The worker's cells in the table being changed, last first: removing one moves the last cell of all into its place. */
async function findCells(chain: Chain, workerId: number, ticketClass: number): Promise<number[]> {
  const [current] = await getEpoch(chain);
  const version = current === 0 ? 0 : current + 1;
  const length = await getTableLength(chain, { version, ticketClass });
  const cells: number[] = [];
  for (let from = 0; from < length; from += PAGE) {
    const page = await getTickets(chain, { version, ticketClass, from, count: PAGE });
    for (const [at, holder] of page.entries()) if (holder === workerId) cells.push(from + at);
  }
  return cells.toReversed();
}

/** Gives up all tickets of all classes; nothing to do without any. Errors: CHANGES_CLOSED; those of `applyChanges`. */
export async function giveUpTickets(chain: Chain, workerId: number, fromBlock: number): Promise<number> {
  for (let look = 1; ; look += 1) {
    const { tickets } = await getWorker(chain, { workerId });
    if (tickets === 0) return 0;
    const changes = [];
    for (const { ticketClass } of await listHoldings(chain, { workerId, fromBlock: BigInt(fromBlock) }))
      changes.push({ workerId, ticketClass, add: 0, remove: await findCells(chain, workerId, ticketClass) });
    try {
      await changeTickets(chain, changes);
      return tickets;
    } catch (error) {
      const moved =
        refusedBy(error, "CellNotHeld") !== null ||
        refusedBy(error, "CellOutOfRange") !== null ||
        hasCode(error, "TRANSACTION_REVERTED");
      if (!moved || look === LOOKS) throw error;
    }
  }
}

export interface LeaveResult {
  /** Given up by this call. */
  readonly ticketsGivenUp: number;
  readonly unbonding: bigint;
  /** Unix seconds. */
  readonly unbondAt: number;
}

/**
 * Gives up all tickets and begins to unbond the whole stake; steps that are done are skipped. The chain must write with the owner's key.
 * Errors: CHANGES_CLOSED in the first half of an epoch; READ_ONLY, REVERTED, TRANSACTION_*.
 */
export async function leaveStake(
  chain: Chain,
  options: { readonly workerId: number; readonly fromBlock: number; readonly onStep?: (step: string) => void },
): Promise<LeaveResult> {
  const { workerId, fromBlock, onStep } = options;
  onStep?.("giving up the tickets");
  const ticketsGivenUp = await giveUpTickets(chain, workerId, fromBlock);
  onStep?.("beginning to unbond");
  const { stake } = await getWorker(chain, { workerId });
  if (stake > 0n) await beginUnbond(chain, { workerId, amount: stake });
  const { unbonding, unbondAt } = await getWorker(chain, { workerId });
  return { ticketsGivenUp, unbonding, unbondAt };
}

/** Sends what is unbonded. Errors: NOTHING_UNBONDING, UNBONDING with the time it may leave; those of `withdrawStake`. */
export async function withdrawUnbonded(
  chain: Chain,
  options: { readonly workerId: number; readonly to: Hex; readonly mayBeNone?: boolean },
): Promise<bigint> {
  const { workerId, to } = options;
  const { unbonding, unbondAt } = await getWorker(chain, { workerId });
  if (unbonding === 0n && options.mayBeNone === true) return 0n;
  if (unbonding === 0n) throw new NodeError("NOTHING_UNBONDING", { worker: workerId });
  try {
    await withdrawStake(chain, { workerId, to });
  } catch (error) {
    if (refusedBy(error, "UnbondingUntil") === null) throw error;
    throw new NodeError("UNBONDING", { worker: workerId, at: isoTime(unbondAt) }, { cause: error });
  }
  return unbonding;
}
