// SPDX-License-Identifier: MIT
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUtf8 } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { decodeManifestFile } from "../../../core/manifest.ts";
import { SheError } from "../../../core/she/errors.ts";
import { decodeSheHeader, SHE_HEADER_BYTES } from "../../../core/she/header.ts";
import { decodeCompactPlaintext, type CompactPlaintext } from "../../../core/she/object.ts";
import { openCipherModel, type CipherModel } from "../client/cipher-model.ts";
import type { ShePlan } from "../compile/plan.ts";
import { decodeSheProgram } from "../compile/program-bytes.ts";
import { nodeHashes } from "../node-hashes.ts";
import { CipherSeat } from "../seat/cipher-seat.ts";
import { weightsFile } from "./build-cipher-model.ts";
import { refreshFolder } from "./folders.ts";

async function read(folder: string, file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(join(folder, file)));
  } catch (cause) {
    throw new SheError("FILE_MISSING", { file }, { cause });
  }
}

/** Whether a folder is a model over ciphertexts itself. Without a readable manifest it is not. */
export async function isCipherFolder(folder: string): Promise<boolean> {
  try {
    return (
      decodeManifestFile(fromUtf8(await read(folder, "manifest.json"), "manifest.json")).tools.cipher !== undefined
    );
  } catch (error) {
    if (isAssayError(error)) return false;
    throw error;
  }
}

/** Errors: FILE_MISSING, those of `openCipherModel`. */
export async function loadCipherModel(folder: string): Promise<CipherModel> {
  const [manifest, program] = await Promise.all([read(folder, "manifest.json"), read(folder, "program")]);
  return openCipherModel({ manifest: fromUtf8(manifest, "manifest.json"), program }, nodeHashes);
}

/** The steps of a refreshed program, from the plain model's folder; as many as the first one says. Errors: those of `loadCipherModel`. */
export async function loadRefreshModels(folder: string): Promise<readonly CipherModel[]> {
  const first = await loadCipherModel(join(folder, refreshFolder(0)));
  const steps = first.manifest.tools.cipher?.refresh?.steps ?? 1;
  const more = Array.from({ length: steps - 1 }, (_, i) => loadCipherModel(join(folder, refreshFolder(i + 1))));
  return [first, ...(await Promise.all(more))];
}

/** Compact plaintexts, one after the other, all of one length. Errors: BYTES_REFUSED, PROFILE_UNKNOWN. */
export function decodeWeights(bytes: Uint8Array, { plan }: CipherModel["program"]): CompactPlaintext[] {
  const each = SHE_HEADER_BYTES + plan.profile.degree * (plan.profile.boundaryScaleBits > 30 ? 8 : 4);
  if (bytes.length === 0 || bytes.length % each !== 0)
    throw new SheError("BYTES_REFUSED", {
      what: "weights",
      reason: `${bytes.length} bytes are no plaintexts of ${each}`,
    });
  return Array.from({ length: bytes.length / each }, (_, i) => {
    const one = bytes.subarray(i * each, (i + 1) * each);
    const { kind, profile } = decodeSheHeader(one);
    if (kind !== "plaintext" || profile.id !== plan.profile.id)
      throw new SheError("BYTES_REFUSED", { what: "weights", reason: `number ${i} is a ${kind} of ${profile.name}` });
    return decodeCompactPlaintext(one);
  });
}

/**
 * A stage's plan and weights from a folder that needs no manifest: what is right about them the caller knows from the chain. Errors:
 * FILE_MISSING, BYTES_REFUSED, PROFILE_UNKNOWN, NOT_CANONICAL.
 */
export async function loadStage(
  folder: string,
  stage: number,
): Promise<{ readonly plan: ShePlan; readonly weights: readonly CompactPlaintext[] }> {
  const program = decodeSheProgram(await read(folder, "program"));
  return { plan: program.plan, weights: decodeWeights(await read(folder, weightsFile(stage)), program) };
}

/**
 * A seat for one stage of a model's folder: its weights are read, and its facts compared with the manifest's. Errors: FILE_MISSING,
 * BYTES_REFUSED, WEIGHTS_MISMATCH, and those of `CipherSeat.start`.
 */
export async function openCipherSeat(
  folder: string,
  model: CipherModel,
  stage: number,
  lanes = 1,
): Promise<CipherSeat> {
  return startCipherSeat(model, stage, await read(folder, weightsFile(stage)), lanes);
}

/** The same from the bytes of the stage's weights. Errors: BYTES_REFUSED, WEIGHTS_MISMATCH, and those of `CipherSeat.start`. */
export async function startCipherSeat(
  { manifest, program }: CipherModel,
  stage: number,
  weights: Uint8Array,
  lanes = 1,
): Promise<CipherSeat> {
  const kernel = manifest.model.stages[stage]?.kernel ?? "0x";
  const { plan } = program;
  return CipherSeat.start({ plan, stage, weights: decodeWeights(weights, program), kernel, hashes: nodeHashes, lanes });
}
