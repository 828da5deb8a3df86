// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { EvidenceError } from "./errors.ts";
import type { TcbStatus } from "../../core/enclave-status.ts";
import type { Verdict } from "./verdict.ts";

export interface EnclavePolicy {
  readonly statuses: readonly TcbStatus[];
  /** Seconds that a verdict stays good; evidence may end earlier. */
  readonly maxAge: bigint;
  /** Images that may run: what code means. An unknown measurement is a stranger's program. */
  readonly measurements: ReadonlySet<Hex>;
  readonly deniedPlatforms: ReadonlySet<Hex>;
  readonly simulatedAllowed: boolean;
}

/** tee.md §7. The grace of general jobs is the registry's: it needs the set of before. */
export const GENERAL_STATUSES: readonly TcbStatus[] = ["UpToDate", "SWHardeningNeeded", "VendorManaged"];
export const CRITICAL_STATUSES: readonly TcbStatus[] = ["UpToDate", "VendorManaged"];

/** Applies a policy to genuine evidence; `now` in Unix seconds. Error: NOT_ADMITTED. */
export function admit(verdict: Verdict, policy: EnclavePolicy, now: bigint): void {
  const refuse = (detail: string): never => {
    throw new EvidenceError("NOT_ADMITTED", { detail });
  };
  const { status, short, advisories } = verdict.tcb;
  if (verdict.root === "simulated" && !policy.simulatedAllowed) return refuse("the platform is SIMULATED");
  if (!policy.statuses.includes(status)) {
    const why = [...short, ...advisories];
    return refuse(`its status is ${status}${why.length === 0 ? "" : ` (${why.join(", ")})`}`);
  }
  if (now < verdict.verifiedAt) return refuse("the verdict is of the future");
  if (now > verdict.notAfter) return refuse("a certificate, list or collateral ended since");
  if (now - verdict.verifiedAt > policy.maxAge) return refuse("the verdict is too old");
  if (!policy.measurements.has(verdict.measurementId))
    return refuse(`measurement ${verdict.measurementId} is not listed`);
  if (policy.deniedPlatforms.has(verdict.platformId)) return refuse(`platform ${verdict.platformId} is denied`);
}
