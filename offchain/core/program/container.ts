// SPDX-License-Identifier: MIT
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { toHex, type Hex } from "../bytes.ts";
import { isAssayError } from "../errors.ts";
import { keccak256 } from "../keccak.ts";
import { merkleRoot } from "../merkle.ts";
import { MAX_PROGRAM_BYTES } from "./decode-program.ts";
import { ProgramError } from "./errors.ts";

/** Domain of a file that holds all stages of a program. */
export const STAGES_DOMAIN = "assay.v1.stages";
/** Domain of the Merkle tree over stage bytes. */
export const PROGRAM_ROOT_DOMAIN = "assay.v1.program";
export const MAX_STAGES = 32;

/** The `program` file: domain, u8 version, u8 count, then each stage's bytes with a u32 length. */
export function encodeStages(stages: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter().string(STAGES_DOMAIN).u8(1).u8(stages.length);
  for (const stage of stages) writer.bytes(stage);
  return writer.finish();
}

/** Splits a `program` file; the stages themselves are checked by `decodeProgram`. Error: PROGRAM_MALFORMED. */
export function decodeStages(bytes: Uint8Array): Uint8Array[] {
  try {
    const reader = new ByteReader(bytes, "The program file");
    if (reader.string(STAGES_DOMAIN.length) !== STAGES_DOMAIN) throw reader.refuse("it is no program file");
    if (reader.u8() !== 1) throw reader.refuse("its version is unknown");
    const count = reader.u8();
    if (count < 1 || count > MAX_STAGES) throw reader.refuse(`it has ${count} stages`);
    const stages = Array.from({ length: count }, () => reader.bytes(MAX_PROGRAM_BYTES));
    reader.end();
    return stages;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new ProgramError("PROGRAM_MALFORMED", { reason: error.message }, { cause: error });
  }
}

/** keccak256 of a stage's bytes: its `kernel` in the manifest. */
export const stageKernel = (stage: Uint8Array): Hex => toHex(keccak256(stage));

/** Merkle root over the stages' bytes, in order: `programRoot` of the manifest. */
export const programRoot = (stages: readonly Uint8Array[]): Hex => toHex(merkleRoot(stages, PROGRAM_ROOT_DOMAIN));
