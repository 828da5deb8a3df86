// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toHex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { hashJson, type ManifestFile } from "../../core/manifest.ts";
import { ProgramError } from "../../core/program/errors.ts";
import type { OutputMeaning, Preprocess } from "../../core/program/preprocess.ts";
import { readManifest } from "./load-program.ts";
import { parseUsage, resolvePreprocess } from "./recipe.ts";

/** What a caller needs of a model whose program it does not have: its weights are private, or others evaluate it. */
export interface ModelUsage {
  readonly manifest: ManifestFile;
  readonly preprocess: Preprocess;
  readonly output: OutputMeaning;
}

/**
 * Reads manifest.json and the model.json that it names, of a model over numbers. Errors: MODEL_FILE_MISSING, MODEL_FILE_INVALID,
 * MODEL_HASH_MISMATCH.
 */
export async function loadUsage(folder: string): Promise<ModelUsage> {
  const read = async (file: string) => {
    try {
      return new Uint8Array(await readFile(join(folder, file)));
    } catch (cause) {
      throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
    }
  };
  const manifest = readManifest(await read("manifest.json"));
  const bytes = await read("model.json");
  const { model, tools } = manifest;
  for (const [what, actual, expected] of [
    ["tools record", toHex(hashJson(tools)), model.toolsHash],
    ["model.json", toHex(keccak256(bytes)), tools.usageHash],
  ] as const)
    if (actual !== expected) throw new ProgramError("MODEL_HASH_MISMATCH", { what, actual, expected });
  const usage = parseUsage(new TextDecoder().decode(bytes));
  return { manifest, preprocess: resolvePreprocess(usage.preprocess, undefined), output: usage.output };
}
