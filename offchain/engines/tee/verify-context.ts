// SPDX-License-Identifier: GPL-3.0-or-later
import type { VerifyCache } from "./cache.ts";
import type { TrustRoots } from "./roots.ts";
import type { SnpTcb } from "./snp/parse.ts";
import type { CollateralMark } from "./verdict.ts";

/** What a vendor's verifier is given beside evidence and endorsements. */
export interface VerifyContext {
  readonly roots: TrustRoots;
  /** Unix seconds. */
  readonly now: bigint;
  readonly seen: readonly CollateralMark[];
  /** Lowest admissible firmware per product: AMD publishes no signed levels. A product without one is out of date. */
  readonly amdFloors: Readonly<Partial<Record<"Milan" | "Genoa", SnpTcb>>>;
  readonly cache: VerifyCache;
}
