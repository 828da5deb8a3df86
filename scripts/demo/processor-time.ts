// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";

/** Linux reports processor time in hundredths of a second (USER_HZ). */
const TICKS_PER_SEC = 100;

/** Processor seconds that a process has used so far, user and system; 0 where /proc does not tell. */
export function processorSec(pid: number): number {
  try {
    // The second field is the name in parentheses, which may hold spaces; user and system time are fields 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SEC;
  } catch {
    return 0;
  }
}
