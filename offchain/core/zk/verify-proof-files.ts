// SPDX-License-Identifier: MIT
import type { PairingEngine } from "../ports/pairing.ts";
import { judgeTogether } from "./judge-proofs.ts";
import { noblePairing } from "./noble-pairing.ts";
import {
  examineProofFile,
  type ProofExpectation,
  type ProofFile,
  type ProofFileOptions,
  type ProofReport,
} from "./proof-file.ts";
import { openKeys } from "./verifying-key.ts";

export interface ProofFileCase {
  readonly file: ProofFile;
  readonly expected?: ProofExpectation | undefined;
}

/**
 * `verifyProofFile` for many files of any jobs and keys: their proofs are judged together, each key is opened once. A report a file, in
 * order; none is the fault of another file. Errors: those of the engine.
 */
export async function verifyProofFiles(
  cases: readonly ProofFileCase[],
  options: Omit<ProofFileOptions, "openKey"> = {},
  engine: PairingEngine = noblePairing,
): Promise<ProofReport[]> {
  const records = cases.flatMap(({ file }) => file.stages.map(({ key }) => ({ record: key })));
  const openKey = await openKeys(records, engine);
  const examined = cases.map(({ file, expected }) => examineProofFile(file, expected, { ...options, openKey }));
  return judgeTogether(examined, engine);
}
