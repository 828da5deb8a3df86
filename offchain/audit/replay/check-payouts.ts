// SPDX-License-Identifier: GPL-3.0-or-later
import { earnedAt, feesAt, freeAt } from "../../adapters/chain/read-past.ts";
import type { Hex } from "../../core/bytes.ts";
import { quoteEscrow } from "../../core/economics.ts";
import { offences } from "../../core/settle.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import type { JobContext } from "../evidence/evidence-class.ts";
import type { HistoryEvent } from "../fairness/history.ts";
import { bad, good, unknown, type Finding } from "./claims.ts";

/** What one block should have done to the hub's accounts, by settlement's rules and the amounts in its events. */
interface Ledger {
  readonly earned: Map<number, bigint>;
  readonly free: Map<Hex, bigint>;
  fees: bigint;
  /** Accounts whose changes other rules decide in this block: they are not compared. */
  readonly others: Set<Hex>;
}

const lower = (address: Hex): Hex => address.toLowerCase() as Hex;
function add<K>(map: Map<K, bigint>, key: K, amount: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amount);
}

async function ledgerOf(events: readonly HistoryEvent[], context: JobContext): Promise<Ledger> {
  const ledger: Ledger = { earned: new Map(), free: new Map(), fees: 0n, others: new Set() };
  const pay = (account: Hex, amount: bigint): void => add(ledger.free, lower(account), amount);
  for (const event of events) {
    if (event.eventName === "Deposited") pay(event.args.account, event.args.amount);
    else if (event.eventName === "Withdrawn" && "account" in event.args) pay(event.args.account, -event.args.amount);
    else if (event.eventName === "Claimed") add(ledger.earned, event.args.workerId, -event.args.amount);
    else if (event.eventName === "FeesSwept") ledger.fees -= event.args.amount;
    else if (event.eventName === "PokePaid") pay(event.args.to, event.args.amount);
    else if (event.eventName === "JobRequested") {
      const { requester, spec, jobId } = event.args;
      const [settlement] = (await context.receiptOf(jobId).catch(() => undefined))?.settlement ?? [];
      // Of a job that has not ended the fee is not known.
      if (settlement === undefined) ledger.others.add(lower(requester));
      else pay(requester, -quoteEscrow(spec, settlement.feeBps));
    } else if (event.eventName === "Challenged") {
      const last = event.args.record.tallies.at(-1);
      if (last !== undefined) pay(last.challenger, -last.bond);
    } else if (event.eventName === "RuledLate" || event.eventName === "Equivocated") {
      for (const account of ledger.free.keys()) ledger.others.add(account);
      ledger.others.add(lower(context.receipt.job.requester));
    } else if (event.eventName === "Finalized" || event.eventName === "Closed") {
      const { job, record, settlement } = await context.receiptOf(event.args.jobId);
      const [paid] = settlement;
      if (paid === undefined) continue;
      for (const [i, { worker }] of offences(job.spec, record).entries())
        add(ledger.earned, worker, paid.seats[i] ?? 0n);
      for (const [t, { challenger }] of record.tallies.entries()) {
        const due = paid.challengers[t] ?? 0n;
        if (due > 0n) pay(challenger, due);
      }
      pay(job.requester, paid.requester);
      ledger.fees += paid.fees;
    }
  }
  return ledger;
}

/**
 * Settles a job again by `core/settle` and compares with what the hub's accounts hold before and after the block of its end: each seat's
 * earnings, the requester's and challengers' balances, the fees. Other jobs and payments of that block are counted in.
 */
export async function checkPayouts(context: JobContext): Promise<Finding> {
  const { chain, events, jobId, receipt, report, path } = context;
  const failed = report.checks.find(({ name, ok }) => !ok && name === "settlement");
  if (failed !== undefined) return bad(`${path}, settlement`, failed.detail);
  const end = events.find(
    (event) => (event.eventName === "Finalized" || event.eventName === "Closed") && event.args.jobId === jobId,
  );
  if (end === undefined) return unknown("it has no end");
  const block = Number(end.blockNumber);
  const ledger = await ledgerOf(
    events.filter(({ blockNumber }) => blockNumber === end.blockNumber),
    context,
  );
  const where = `${segmentPath("logs", Math.floor(block / SEGMENT_BLOCKS))}, block ${block}`;
  const workers = offences(receipt.job.spec, receipt.record).map(({ worker }) => worker);
  for (const worker of workers) {
    const moved = (await earnedAt(chain, worker, block)) - (await earnedAt(chain, worker, block - 1));
    const due = ledger.earned.get(worker) ?? 0n;
    if (moved !== due) return bad(where, `worker ${worker} was credited ${moved} instead of ${due}`);
  }
  const accounts = [
    receipt.job.requester,
    ...receipt.record.tallies.filter(({ bond }) => bond > 0n).map(({ challenger }) => challenger),
  ];
  let compared = 0;
  for (const account of new Set(accounts.map(lower))) {
    if (ledger.others.has(account)) continue;
    compared++;
    const moved = (await freeAt(chain, account, block)) - (await freeAt(chain, account, block - 1));
    const due = ledger.free.get(account) ?? 0n;
    if (moved !== due) return bad(where, `account ${account} was credited ${moved} instead of ${due}`);
  }
  const fees = (await feesAt(chain, block)) - (await feesAt(chain, block - 1));
  if (fees !== ledger.fees) return bad(where, `fees of ${fees} instead of ${ledger.fees}`);
  const [paid] = receipt.settlement;
  const sum = (paid?.seats ?? []).reduce((total, amount) => total + amount, 0n);
  return good(
    `${workers.length} seats got ${sum}, the requester ${paid?.requester ?? 0n} back, fees ${paid?.fees ?? 0n}, burned ${paid?.burn ?? 0n}; ` +
      `${workers.length + compared + 1} accounts moved by exactly that`,
  );
}
