// SPDX-License-Identifier: GPL-3.0-or-later
import { ENCLAVE } from "../../core/types.ts";
import { unknown } from "../replay/claims.ts";
import type { EvidenceClass } from "./evidence-class.ts";

/** Results signed by measured programs. Hubs of this version refuse the policy bit. */
export const enclaveEvidence: EvidenceClass = {
  name: "ENCLAVE",
  applies: ({ job }) => (job.spec.policy.mask & ENCLAVE) !== 0,
  claims: [
    {
      name: "attestations",
      says: "each enclave was attested when it signed, under the collateral of that time",
      check: () => unknown("bundles of this version hold no attestations: nobody judged them again"),
    },
  ],
};
