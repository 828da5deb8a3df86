// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";

/** Resident memory of a process in MiB, from the kernel; 0 where there is no /proc. */
export const residentMiB = (pid: number): number => read(pid, /VmRSS:\s+(\d+) kB/);

/** The most that was ever resident of it. */
export const peakResidentMiB = (pid: number): number => read(pid, /VmHWM:\s+(\d+) kB/);

function read(pid: number, field: RegExp): number {
  try {
    const kib = field.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}
