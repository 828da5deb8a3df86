// SPDX-License-Identifier: GPL-3.0-or-later

/** A class of files that only one kind of evidence brings, within the folder of its job. */
export interface EvidenceArtefact {
  readonly name: string;
  /** Regular expression of its place below `jobs/<id>/`. */
  readonly file: string;
  readonly maxMib: number;
}

const KEY = "0x[0-9a-f]{40}";

/** Votes and proofs stand in transactions and receipts; these do not. A new kind of evidence adds its classes here. */
export const EVIDENCE_ARTEFACTS: readonly EvidenceArtefact[] = [
  { name: "quote", file: `enclaves/${KEY}\\.quote`, maxMib: 1 },
  { name: "ciphertext", file: "cipher/input", maxMib: 2 },
  { name: "evaluation-keys", file: "cipher/keys-[0-7]", maxMib: 17 },
  { name: "collateral", file: `enclaves/${KEY}\\.(collateral\\.json|endorsements)`, maxMib: 16 },
];
