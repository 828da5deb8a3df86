// SPDX-License-Identifier: GPL-3.0-or-later
import { VerifyCache } from "./cache.ts";
import { verifyDcap } from "./dcap/verify.ts";
import { EvidenceError } from "./errors.ts";
import { verifyNitro } from "./nitro/verify.ts";
import { verifyNvidia } from "./nvidia/verify.ts";
import type { TrustRoots } from "./roots.ts";
import { verifySnp } from "./snp/verify.ts";
import type { VerifyContext } from "./verify-context.ts";
import type { CollateralMark, Endorsements, Evidence, Verdict } from "./verdict.ts";

export const MAX_EVIDENCE_BYTES = 16_384;

export interface VerifyOptions {
  /** Collateral accepted before: older sets are refused. */
  readonly seen?: readonly CollateralMark[];
  readonly amdFloors?: VerifyContext["amdFloors"];
  readonly cache?: VerifyCache;
}

/**
 * Facts that genuine evidence states, from its bytes alone: no I/O, no clock, no randomness. `now` is Unix seconds: the
 * block time in production, never the system's clock. Evidence and endorsements are untrusted; trusted are `roots`, that is
 * the vendors' keys, and the vendors' hardware (tee.md §12 on who can forge that). Whatever would make the evidence
 * meaningless throws: any code of the tee module but BINDING and NOT_ADMITTED. A returned status must still be compared
 * with a policy: see `admit`.
 */
export function verifyEvidence(
  evidence: Evidence,
  endorsements: Endorsements,
  roots: TrustRoots,
  now: bigint,
  { seen = [], amdFloors = {}, cache = new VerifyCache(0) }: VerifyOptions = {},
): Verdict {
  const { bytes, format } = evidence;
  if (bytes.length > MAX_EVIDENCE_BYTES)
    throw new EvidenceError("QUOTE", { detail: `longer than ${MAX_EVIDENCE_BYTES} bytes` });
  const context = { roots, now, seen, amdFloors, cache };
  switch (format) {
    case "dcap-sgx-v3":
    case "dcap-tdx-v4":
    case "dcap-tdx-v5":
      return verifyDcap(evidence, endorsements.kind === "intel" ? endorsements : undefined, context);
    case "snp-report":
      return verifySnp(evidence, endorsements.kind === "amd" ? endorsements : undefined, context);
    case "nitro-cose":
      return verifyNitro(evidence, context);
    case "nvidia-spdm11":
      return verifyNvidia(evidence, endorsements.kind === "nvidia" ? endorsements : undefined, context);
  }
}
