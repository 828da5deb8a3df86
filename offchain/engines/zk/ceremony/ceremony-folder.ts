// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { MAX_FILE_BYTES } from "../r1cs/format.ts";
import { CEREMONY_JSON, MAX_JSON_BYTES, parseCeremony, type CeremonyFile } from "./ceremony-file.ts";
import { CeremonyError } from "./errors.ts";
import { readLimited } from "./read-file.ts";
import { decodeStep, maxStepBytes, type StepFile } from "./step-file.ts";

// A ceremony's folder is what contributors send each other: ceremony.json, circuit.r1cs, 0000.zkey (stripped, nobody has contributed),
// then for every step NNNN.zkey (δ2) and NNNN.step (the other deltas). Of the .zkey files only the newest is needed.
export const CIRCUIT_R1CS = "circuit.r1cs";
const MAX_STEPS = 1024;

const stepName = (index: number): string => String(index).padStart(4, "0");
export const zkeyPath = (folder: string, index: number): string => join(folder, `${stepName(index)}.zkey`);
export const stepPath = (folder: string, index: number): string => join(folder, `${stepName(index)}.step`);

/** A folder as read: form checked, nothing verified. */
export interface CeremonyFolder {
  readonly folder: string;
  readonly ceremony: CeremonyFile;
  readonly r1csBytes: Uint8Array;
  readonly steps: readonly StepFile[];
}

function countSteps(folder: string): number {
  const indices = readdirSync(folder)
    .filter((file) => /^\d{4}\.step$/.test(file))
    .map((file) => Number(file.slice(0, 4)))
    .toSorted((a, b) => a - b);
  const missing = indices.findIndex((index, i) => index !== i + 1);
  if (missing >= 0)
    throw new CeremonyError("TRANSCRIPT_BROKEN", {
      step: missing + 1,
      reason: `${stepName(missing + 1)}.step is missing`,
    });
  if (indices.length > MAX_STEPS)
    throw new CeremonyError("CEREMONY_STATE", { folder, reason: `it has more than ${MAX_STEPS} steps` });
  return indices.length;
}

/** Errors: CEREMONY_STATE for a folder without a ceremony, FILE_MALFORMED, CIRCUIT_MISMATCH, TRANSCRIPT_BROKEN for a gap. */
export function readCeremonyFolder(folder: string): CeremonyFolder {
  if (!existsSync(join(folder, CEREMONY_JSON)))
    throw new CeremonyError("CEREMONY_STATE", { folder, reason: "it holds no ceremony.json" });
  const ceremony = parseCeremony(readLimited(join(folder, CEREMONY_JSON), MAX_JSON_BYTES));
  const r1csBytes = readLimited(join(folder, CIRCUIT_R1CS), MAX_FILE_BYTES);
  if (toHex(keccak256(r1csBytes)) !== ceremony.circuit.hash)
    throw new CeremonyError("CIRCUIT_MISMATCH", { file: CIRCUIT_R1CS, reason: "it is not the circuit that it names" });
  const facts = ceremony.circuit;
  const steps = Array.from({ length: countSteps(folder) }, (_, i) => {
    const bytes = readLimited(stepPath(folder, i + 1), maxStepBytes(facts));
    return decodeStep(bytes, `${stepName(i + 1)}.step`, facts);
  });
  return { folder, ceremony, r1csBytes, steps };
}
