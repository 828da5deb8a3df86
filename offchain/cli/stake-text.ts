// SPDX-License-Identifier: GPL-3.0-or-later
import type { StakeReport } from "../node/stake/describe-stake.ts";

/** The vault's "for good": type(uint48).max. */
const FOREVER = 2 ** 48 - 1;

/** Unix seconds for people; times past what dates can hold are "for good". */
export const timeText = (seconds: number): string =>
  seconds >= FOREVER || seconds > 8.64e12 ? "for good" : new Date(seconds * 1000).toISOString();

/** A worker's stake as lines; amounts are base units because their scale would be a guess. */
export function stakeText(report: StakeReport): string {
  const classes = report.holdings.map(({ ticketClass, tickets }) => `${tickets} in class ${ticketClass}`).join(", ");
  const rows = [
    ["worker", String(report.workerId)],
    ["owner", report.owner],
    ["operator", report.operator],
    ["endpoints", report.endpoints],
    ["can", report.capabilities.join(", ")],
    ["stake", String(report.stake)],
    ["unbonding", report.unbonding === 0n ? "0" : `${report.unbonding}, may leave ${timeText(report.unbondAt)}`],
    ["tickets", classes === "" ? "0" : classes],
    ["jailed", report.jailedUntil === 0 ? "no" : `until ${timeText(report.jailedUntil)}`],
    ["expires", timeText(report.expiry)],
    ["earned", String(report.earned)],
    ["free", String(report.freeBalance)],
    ["table", report.tableVersion === 0 ? "not started: nobody is drawn" : `version ${report.tableVersion}`],
  ] as const;
  return rows.map(([name, value]) => `${name.padEnd(10)} ${value}`).join("\n");
}
