// SPDX-License-Identifier: GPL-3.0-or-later
import { CIPHER } from "../../core/types.ts";
import { unknown } from "../replay/claims.ts";
import type { EvidenceClass } from "./evidence-class.ts";

/** Stages on ciphertexts. Hubs of this version refuse the policy bit, so only the votes on such a job's hashes could be checked. */
export const cipherEvidence: EvidenceClass = {
  name: "CIPHER",
  applies: ({ job }) => (job.spec.policy.mask & CIPHER) !== 0,
  claims: [
    {
      name: "ciphertext traces",
      says: "the evaluation of the ciphertexts gives the agreed hashes",
      check: () => unknown("bundles of this version hold no ciphertexts: nobody evaluated them again"),
    },
  ],
};
