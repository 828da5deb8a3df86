// SPDX-License-Identifier: MIT
import { concatBytes, fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { decodeManifestFile, hashJson, type ManifestFile } from "../../../core/manifest.ts";
import { decodeStages, programRoot } from "../../../core/program/container.ts";
import { decodeProgram } from "../../../core/program/decode-program.ts";
import type { Finish } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { KIND_CIPHER, PLACE_NETWORK, PRODUCER_INPUT } from "../../../core/types.ts";
import { decodeSheProgram, sheProgramId, type SheProgram } from "../compile/program-bytes.ts";
import { readProgram } from "../compile/read-program.ts";

/** A registered model over ciphertexts, as far as it has no weights: what workers and clients agree on. */
export interface CipherModel {
  readonly manifest: ManifestFile;
  readonly program: SheProgram;
  /** Largest error of an output slot. */
  readonly tolerance: number;
}

const TOLERANCE_UNIT = 2 ** 32;
const refuse = (reason: string) => new SheError("BYTES_REFUSED", { what: "model over ciphertexts", reason });

/**
 * Reads the manifest and the SHE program that it names, and checks one against the other: every stage maps ciphertext to ciphertext, one
 * after the other, as many as the plan has. That a stage's facts are its weights' is for `CipherSeat` to find.
 * Errors: NOT_CANONICAL, BYTES_REFUSED, PROFILE_UNKNOWN, those of `decodeSheProgram`.
 */
export function openCipherModel(
  files: { readonly manifest: string; readonly program: Uint8Array },
  hashes: SheHashes,
): CipherModel {
  const manifest = decodeManifestFile(files.manifest);
  const { model, tools } = manifest;
  if (tools.cipher === undefined) throw refuse("its manifest names no SHE program");
  if (toHex(hashJson(tools)) !== model.toolsHash) throw refuse("its tools record is another model's");
  if (sheProgramId(files.program, hashes) !== tools.cipher.program) throw refuse("its SHE program is another model's");
  const program = decodeSheProgram(files.program);
  if (cipherWeightsHash(program.weightRoots) !== model.weightsHash) throw refuse("its weights are another model's");
  if (model.stages.length !== program.plan.stages.length)
    throw refuse(`${model.stages.length} stages, the plan has ${program.plan.stages.length}`);
  for (const [stage, { place, inKind, outKind, producers }] of model.stages.entries()) {
    const isCiphered = place === PLACE_NETWORK && inKind === KIND_CIPHER && outKind === KIND_CIPHER;
    const isNext = producers.length === 1 && producers[0] === (stage === 0 ? PRODUCER_INPUT : stage - 1);
    if (!isCiphered || !isNext)
      throw refuse(`stage ${stage} does not map the ciphertext of the stage before to another`);
  }
  return { manifest, program, tolerance: program.toleranceUnits / TOLERANCE_UNIT };
}

/** `tolerance` in the units of a SHE program, rounded up. */
export const toleranceUnits = (tolerance: number): number => Math.ceil(tolerance * TOLERANCE_UNIT);

/**
 * The last rounding of the polynomial program behind the model, from the plain model's `program` file: the key holder applies it.
 * Errors: BYTES_REFUSED if it is another program, those of `decodeProgram`.
 */
export function finishOf({ manifest }: CipherModel, programFile: Uint8Array): Finish {
  const stages = decodeStages(programFile);
  const [stage] = stages;
  if (programRoot(stages) !== manifest.model.programRoot || stage === undefined || stages.length !== 1)
    throw refuse("the plain program is not the one that it evaluates");
  return readProgram(decodeProgram(stage).program).finish;
}

/** keccak256 of the weight roots, one after the other: `weightsHash` of the manifest. */
export const cipherWeightsHash = (roots: readonly Hex[]): Hex =>
  toHex(keccak256(concatBytes(...roots.map((root) => fromHex(root, 32)))));
