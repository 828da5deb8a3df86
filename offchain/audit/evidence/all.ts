// SPDX-License-Identifier: GPL-3.0-or-later
import { cipherEvidence } from "./cipher.ts";
import { clientEvidence } from "./client.ts";
import { enclaveEvidence } from "./enclave.ts";
import type { EvidenceClass } from "./evidence-class.ts";
import { joinEvidence, maskedEvidence } from "./join.ts";
import { proofEvidence } from "./proof.ts";
import { sampleEvidence } from "./sample.ts";
import { voteEvidence } from "./vote.ts";

/** Every kind of evidence that audits know, in the order of their verdicts. */
export const EVIDENCE_CLASSES: readonly EvidenceClass[] = [
  voteEvidence,
  proofEvidence,
  sampleEvidence,
  clientEvidence,
  maskedEvidence,
  joinEvidence,
  cipherEvidence,
  enclaveEvidence,
];
