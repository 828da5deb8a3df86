// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";

/** Linux reports processor time in hundredths of a second (USER_HZ). */
const TICKS_PER_SEC = 100;

function ticksOf(pid: number): { readonly own: number; readonly reaped: number } {
  try {
    // The second field is the name in parentheses, which may hold spaces; user and system time are fields 14 and 15, of ended children 16 and 17.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return { own: Number(fields[11]) + Number(fields[12]), reaped: Number(fields[13]) + Number(fields[14]) };
  } catch {
    return { own: 0, reaped: 0 };
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const words = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return words.map(Number).filter((child) => child > 0);
  } catch {
    return [];
  }
}

function familyTicks(pid: number): number {
  const { own, reaped } = ticksOf(pid);
  return childrenOf(pid).reduce((sum, child) => sum + familyTicks(child), own + reaped);
}

/** Processor seconds that a process has used so far, user and system; 0 where /proc does not tell. */
export const processorSec = (pid: number): number => ticksOf(pid).own / TICKS_PER_SEC;

/** The same of a process and all that it started: a worker's enclave is a process of its own. */
export const familyProcessorSec = (pid: number): number => familyTicks(pid) / TICKS_PER_SEC;
