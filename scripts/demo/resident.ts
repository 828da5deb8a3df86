// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";

/** Resident memory of a process in MiB, from the kernel; 0 where there is no /proc. */
export function residentMiB(pid: number): number {
  try {
    const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}
