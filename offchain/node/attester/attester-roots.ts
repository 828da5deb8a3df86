// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../../engines/tee/roots.ts";

const VENDORS = ["amd", "aws", "nvidia"] as const;

/** The vendors' roots, and a simulated one if it is named: only a local chain's board has use for it. */
export function attesterRoots(simulated?: Hex): TrustRoots {
  if (simulated === undefined) return PRODUCTION_ROOTS;
  const spkiSha256 = simulated.slice(2);
  const pinned = VENDORS.map((vendor) => ({ vendor, name: "SIMULATED ARK-Milan", kind: "simulated" as const, spkiSha256 })); // prettier-ignore
  return { simulatedAllowed: true, roots: [...PRODUCTION_ROOTS.roots, ...pinned] };
}
